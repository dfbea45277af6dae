/**
 * What a scheduler asks about the requests that wait: in which order they are served, which of them become a batch, and
 * when. A policy belongs to one scheduler and may remember what it has seen. It starts nothing itself, so a policy that
 * chooses badly costs time and never an answer.
 */

import type { QueuePolicy } from '../../model-config/model-config.ts';
import type { BatchDurations, CloseReason } from '../scheduler.ts';

/** What a policy looks at in a waiting request. */
export interface Candidate {
  readonly rows: number;
  readonly batchKey: string;
  readonly queuedAtMs: number;
}

/** The waiting requests in the order in which they would be served. */
export interface CandidateWalk<C extends Candidate> {
  first(): C | null;
  /** The one behind `candidate`, or null. */
  after(candidate: C): C | null;
}

export interface WaitingRequests<C extends Candidate> extends CandidateWalk<C> {
  readonly length: number;
  /** Of all that wait. */
  readonly rows: number;
  /** When the next one leaves unserved, or Infinity. */
  readonly nextExpiryMs: number;
}

/** Levels of priority, 1 or more; a lower one is served first, and within one who came first. */
export interface RequestOrder {
  /** Whether a request may be served before one that came earlier. */
  readonly mayOvertake: boolean;
  /** @param priority what the request asks for; 0 for nothing */
  levelOf(priority: number): number;
  policyOf(level: number): QueuePolicy;
}

/** What is known of the instances at this moment. */
export interface RunProfile {
  /** False once the model was found to fail with several requests in a batch, whatever they are. */
  readonly canBatch: boolean;
  readonly hasIdle: boolean;
  /** Whether a busy instance takes one more batch behind the one that it runs. */
  readonly hasRoomAhead: boolean;
}

/** A batch that is over. */
export interface ObservedRun {
  readonly rows: number;
  readonly closedBy: CloseReason;
  readonly durations: BatchDurations;
}

export type Decision =
  | { readonly kind: 'nothing' }
  /** Take that many *requests*, at least 1, from the front. */
  | { readonly kind: 'take'; readonly requestCount: number; readonly closedBy: CloseReason }
  /** Without new requests the answer stays the same until then. */
  | { readonly kind: 'wait'; readonly untilMs: number };

/** At once, at the end of this turn of the event loop, or when an instance is free. */
export type DecisionTime = 'now' | 'turn' | 'later';

export interface BatchPolicy {
  readonly order: RequestOrder;
  /** The longest that `decide` keeps a request waiting for others while an instance is idle; 0 for not at all. */
  readonly maxDelayMs: number;
  /** A request has joined `queue`. Says when to decide. Called for every request. */
  arrived(queue: WaitingRequests<Candidate>, profile: RunProfile, nowMs: number): DecisionTime;
  /**
   * What to hand over now: to an idle instance where there is one, else to one that takes a batch ahead.
   *
   * @param nowMs on the clock of `queuedAtMs`
   */
  decide<C extends Candidate>(queue: WaitingRequests<C>, profile: RunProfile, nowMs: number): Decision;
  /** A batch is over, well or not. */
  observe(run: ObservedRun): void;
}
