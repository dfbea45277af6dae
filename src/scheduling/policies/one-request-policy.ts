/** The policy of models that do not batch: each request is a batch of its own, however many rows it has. */

import type { DynamicBatchingConfig } from '../../model-config/model-config.ts';
import type { EventLoopTurn } from '../../time.ts';
import type {
  BatchPolicy,
  Candidate,
  CandidateWalk,
  Decision,
  DecisionTime,
  RunProfile,
  WaitingRequests,
} from './batch-policy.ts';
import { nothing } from './batch-rule.ts';
import { LoneArrivals } from './lone-arrivals.ts';
import { ConfiguredOrder } from './queue-policy.ts';

const takeOne: Decision = { kind: 'take', requestCount: 1, closedBy: 'full' };

/** For an instance that is idle. */
export const decideForOne = (walk: CandidateWalk<Candidate>): Decision => (walk.first() === null ? nothing : takeOne);

export class OneRequestPolicy implements BatchPolicy {
  readonly order: ConfiguredOrder;
  readonly maxDelayMs = 0;
  readonly #arrivals: LoneArrivals;

  /**
   * @param config levels and queue policies; null for models without them
   * @param turn   of the event loop that the requests arrive on
   */
  constructor(config: DynamicBatchingConfig | null, turn: EventLoopTurn) {
    this.#arrivals = new LoneArrivals(turn);
    this.order = new ConfiguredOrder(config);
  }

  arrived(_queue: WaitingRequests<Candidate>, { hasIdle }: RunProfile, nowMs: number): DecisionTime {
    const isLone = this.#arrivals.note(nowMs);
    if (!hasIdle) return 'later';
    return isLone ? 'now' : 'turn';
  }

  decide<C extends Candidate>(queue: WaitingRequests<C>, { hasIdle }: RunProfile): Decision {
    return hasIdle ? decideForOne(queue) : nothing;
  }

  observe(): void {
    // A batch of one request says nothing about the next.
  }
}
