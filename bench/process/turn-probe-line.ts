/** The line that the probe of turns writes and the bench reads. In a file of its own, because the probe acts when it is loaded. */

export const turnLinePrefix = 'turn-probe ';

export interface TurnRecord {
  /** How late a timer of one millisecond was. */
  readonly p99Ms: number;
  readonly maxMs: number;
}
