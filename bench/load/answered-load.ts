/** A measurement counts only if every request was answered well. */

import type { LoadResult } from './load-plan.ts';

/** @throws Error with the first failure and `log`, the server's own words, where one failed or none was answered. */
export function assertAnswered({ failed, succeeded, firstFailure }: LoadResult, name: string, log = ''): void {
  if (failed === 0 && succeeded > 0) return;
  const problem = failed > 0 ? `${failed} requests failed; the first: ${firstFailure}` : 'no request was answered';
  throw new Error(`${name}: ${problem}${log === '' ? '' : `\n${log}`}`);
}
