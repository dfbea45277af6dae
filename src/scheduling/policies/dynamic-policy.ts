/**
 * The policy of `dynamic_batching`: an idle instance gets the batch of the batch rule. A busy one prefetches a full
 * batch if none of its requests could expire there and none may be overtaken
 * (docs/decisions/0008-prefetch.md).
 */

import type { DynamicBatchingConfig } from '../../model-config/model-config.ts';
import type { EventLoopTurn } from '../../time.ts';
import type {
  BatchPolicy,
  Candidate,
  Decision,
  DecisionTime,
  ObservedRun,
  RunProfile,
  WaitingRequests,
} from './batch-policy.ts';
import { type BatchRule, batchRuleOf, decide, nothing } from './batch-rule.ts';
import { LoneArrivals } from './lone-arrivals.ts';
import { decideForOne } from './one-request-policy.ts';
import { ConfiguredOrder } from './queue-policy.ts';

/** A batch is prefetched only if no waiting request expires within so many runs of the model. */
const runsBeforeExpiry = 4;

export class DynamicPolicy implements BatchPolicy {
  readonly order: ConfiguredOrder;
  readonly #rule: BatchRule;
  readonly #arrivals: LoneArrivals;
  /** How long the engine took for the latest batch; 0 before the first. */
  #lastRunMs = 0;

  /**
   * @param maxRows of a batch, at least 1
   * @param turn    of the event loop that the requests arrive on
   */
  constructor(maxRows: number, config: DynamicBatchingConfig, turn: EventLoopTurn) {
    this.#arrivals = new LoneArrivals(turn);
    this.order = new ConfiguredOrder(config);
    this.#rule = batchRuleOf(maxRows, config);
  }

  get maxDelayMs(): number {
    return this.#rule.maxDelayMs;
  }

  arrived(queue: WaitingRequests<Candidate>, profile: RunProfile, nowMs: number): DecisionTime {
    const isLone = this.#arrivals.note(nowMs);
    if (!profile.hasIdle) return this.#mayPrefetch(queue, profile) ? 'now' : 'later';
    // A full batch gains nothing from the rest of the turn, and neither does a lone request.
    return isLone || queue.rows >= this.#rule.maxRows ? 'now' : 'turn';
  }

  decide<C extends Candidate>(queue: WaitingRequests<C>, profile: RunProfile, nowMs: number): Decision {
    if (!profile.hasIdle) return this.#decidePrefetch(queue, profile, nowMs);
    return profile.canBatch ? decide(queue, this.#rule, nowMs) : decideForOne(queue);
  }

  observe({ durations }: ObservedRun): void {
    this.#lastRunMs = (durations.computeInputNs + durations.computeInferNs + durations.computeOutputNs) / 1e6;
  }

  /** Whether there are rows for a full batch that no other request may overtake, and an instance that accepts it. */
  #mayPrefetch(queue: WaitingRequests<Candidate>, profile: RunProfile): boolean {
    if (queue.rows < this.#rule.maxRows || this.order.mayOvertake) return false;
    return profile.canBatch && profile.canPrefetch;
  }

  #decidePrefetch<C extends Candidate>(queue: WaitingRequests<C>, profile: RunProfile, nowMs: number): Decision {
    if (this.#lastRunMs === 0 || !this.#mayPrefetch(queue, profile)) return nothing;
    if (queue.nextExpiryMs < nowMs + this.#lastRunMs * runsBeforeExpiry) return nothing;
    const decision = decide(queue, this.#rule, nowMs);
    return decision.kind === 'take' && decision.closedBy === 'full' ? decision : nothing;
  }
}
