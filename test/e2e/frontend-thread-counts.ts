/**
 * With how many frontend threads the tests run that are about memory: `FRONTEND_THREADS=1,2,4` for all that matter, by
 * default those that CI takes the time for.
 */

const byDefault = '2';

export const frontendThreadCounts: readonly number[] = (process.env.FRONTEND_THREADS ?? byDefault)
  .split(',')
  .map(Number)
  .filter((count) => Number.isInteger(count) && count > 0);

if (frontendThreadCounts.length === 0) {
  throw new Error(`FRONTEND_THREADS: expected numbers like 1,2,4, got '${process.env.FRONTEND_THREADS}'`);
}

export const frontendThreads = (count: number): string => `--frontend-threads=${count}`;
