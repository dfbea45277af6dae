/**
 * The numbers of frontend threads for tests of memory and attacks: `FRONTEND_THREADS=1,2,4` for all that matter,
 * else those that a test has time for in CI.
 */

export function frontendThreadCounts(byDefault: string): readonly number[] {
  const text = process.env.FRONTEND_THREADS ?? byDefault;
  const counts = text.split(',').map(Number);
  if (counts.every((count) => Number.isInteger(count) && count > 0)) return counts;
  throw new Error(`FRONTEND_THREADS: expected numbers like 1,2,4, got '${text}'`);
}

export const frontendThreads = (count: number): string => `--frontend-threads=${count}`;
