/** Divides the cores among sessions; the measurements are in docs/decisions/0003-cpu-threads.md. */

import type { SessionSpec } from './engine.ts';

/**
 * Threads inside one operator. A configured number wins; else the instances of the session divide the cores, so that
 * together they keep each core busy once. 0: the session uses the pool that all sessions share.
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
 * Default session entries, which configured ones replace: a thread without work sleeps. ONNX Runtime's default is to
 * spin, which takes the core from the event loop and from other models.
 */
export const quietThreads: readonly (readonly [string, string])[] = [
  ['session.intra_op.allow_spinning', '0'],
  ['session.inter_op.allow_spinning', '0'],
];
