/** How the cores are divided among sessions; the measurements are in docs/decisions/0003-cpu-threads.md. */

import type { SessionSpec } from './engine.ts';

/**
 * Threads inside one operator. What the configuration says counts; else the instances of the session divide the cores, so
 * that together they keep each core busy once. 0 stands for the pool that all sessions share, where there is one.
 */
export function intraOpThreads(
  { intraOpThreads: configured, instanceCount = 1 }: Pick<SessionSpec, 'intraOpThreads' | 'instanceCount'>,
  cores: number,
  hasGlobalPool: boolean,
): number {
  if (configured > 0 || hasGlobalPool) return configured;
  return Math.max(1, Math.floor(cores / Math.max(1, instanceCount)));
}

/**
 * Session entries that come before the configured ones, which replace them: a thread without work sleeps. By default it
 * would turn in a loop and take its core from the event loop and from other models.
 */
export const quietThreads: readonly (readonly [string, string])[] = [
  ['session.intra_op.allow_spinning', '0'],
  ['session.inter_op.allow_spinning', '0'],
];
