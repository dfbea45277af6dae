/** Parses what callgrind dumps for one thread. Knows nothing of processes. */

/**
 * The instructions that the thread ran since its counters were zero.
 *
 * @throws Error when the dump counts something else, or has no total: its writing was cut off.
 */
export function dumpedInstructions(dump: string): number {
  const events = /^events: (.*)$/m.exec(dump)?.[1];
  if (events !== 'Ir')
    throw new Error(`callgrind's dump: expected the line 'events: Ir', got events '${events ?? ''}'`);
  const total = /^totals: (\d+)$/m.exec(dump)?.[1];
  if (total === undefined) throw new Error(`callgrind's dump: expected a line 'totals: N', got none`);
  return Number(total);
}
