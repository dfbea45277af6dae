/**
 * The line that the garbage collection probe writes and the bench reads. In a file of its own, because the probe acts
 * when it is loaded.
 */

export const gcLinePrefix = 'gc-probe ';

export interface GcRecord {
  /** Bytes of JavaScript objects made between the two signals. */
  readonly allocatedBytes: number;
  readonly collections: number;
  /** Time in which nothing else could run on the event loop, microseconds. */
  readonly pauseUs: number;
}
