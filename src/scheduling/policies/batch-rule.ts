/**
 * When the waiting requests should become a batch, and how many of them: a pure function of the queue, the rule and the
 * time. The conditions are Triton's, in Triton's order. A batch is formed when an instance is free; Triton
 * forms it earlier and lets it grow meanwhile, with the same result.
 */

import type { DynamicBatchingConfig } from '../../model-config/model-config.ts';
import type { Candidate, CandidateWalk, Decision } from './batch-policy.ts';
import type { CloseReason } from '../scheduler.ts';

export interface BatchRule {
  /** Rows a batch may have, at least 1. */
  readonly maxRows: number;
  /** Row counts at which a batch is sent without further waiting; ascending, at least one. */
  readonly preferredRows: readonly number[];
  /** How long the oldest request of a smaller batch waits for others, in fractions too; 0 for not at all. */
  readonly maxDelayMs: number;
}

export const batchRuleOf = (maxRows: number, config: DynamicBatchingConfig): BatchRule => ({
  maxRows,
  preferredRows: config.preferredBatchSizes.length === 0 ? [maxRows] : config.preferredBatchSizes,
  maxDelayMs: config.maxQueueDelayUs / 1000,
});

export const nothing: Decision = { kind: 'nothing' };

const take = (requestCount: number, closedBy: CloseReason): Decision => ({ kind: 'take', requestCount, closedBy });

/**
 * Decides for an instance that is free now. A request is never split, so one that does not fit ends the batch; the
 * first is always taken, whatever its size. Preferred sizes win over the delay, the delay over growth.
 *
 * @param nowMs on the clock of `queuedAtMs`
 */
export function decide<C extends Candidate>(walk: CandidateWalk<C>, rule: BatchRule, nowMs: number): Decision {
  const head = walk.first();
  if (head === null) return nothing;
  const { maxRows, preferredRows } = rule;
  const largestPreferred = preferredRows[preferredRows.length - 1] as number;
  let rows = 0;
  let count = 0;
  let oldestMs = head.queuedAtMs;
  let bestCount = 0;
  let bestRows = 0;
  let stop: 'full' | 'shape' | null = null;
  for (let next: C | null = head; next !== null; next = walk.after(next)) {
    if (count > 0) {
      const together = rows + next.rows;
      if (bestCount === 0 && together > largestPreferred) {
        bestCount = count;
        bestRows = maxRows;
      }
      if (together > maxRows) stop = 'full';
      else if (next.batchKey !== head.batchKey) stop = 'shape';
      if (stop !== null) break;
    }
    rows += next.rows;
    count++;
    if (next.queuedAtMs < oldestMs) oldestMs = next.queuedAtMs;
    if (preferredRows.includes(rows)) {
      bestCount = count;
      bestRows = rows;
    }
    if (rows >= maxRows) break;
  }
  // Compared as an instant, so that the time in `wait` is late enough whatever the rounding.
  const dueMs = oldestMs + rule.maxDelayMs;
  const isDelayOver = rule.maxDelayMs > 0 && nowMs >= dueMs;
  if (bestCount > 0 && !isDelayOver) return take(bestCount, bestRows < maxRows ? 'preferred' : 'full');
  if (stop !== null) return take(count, stop);
  if (rows >= largestPreferred) return take(count, 'full');
  if (isDelayOver) return take(count, 'delay');
  if (rule.maxDelayMs === 0) return take(count, 'idle_instance');
  return { kind: 'wait', untilMs: dueMs };
}
