/**
 * A batch policy decides for its scheduler in which order waiting requests are served, which of them form a batch, and
 * when. It belongs to one scheduler and may have state. It starts nothing itself, so a bad decision costs time and
 * never an answer.
 */

import type { QueuePolicy } from '../../model-config/model-config.ts';
import type { BatchDurations, CloseReason } from '../scheduler.ts';

/** A waiting request as a policy sees it. */
export interface Candidate {
  readonly rows: number;
  readonly batchKey: string;
  readonly queuedAtMs: number;
}

/** The waiting requests in the order in which they would be served. */
export interface CandidateWalk<C extends Candidate> {
  first(): C | null;
  /** The one after `candidate`, or null. */
  after(candidate: C): C | null;
}

export interface WaitingRequests<C extends Candidate> extends CandidateWalk<C> {
  readonly length: number;
  /** Of all waiting requests. */
  readonly rows: number;
  /** When the next one expires, or Infinity. */
  readonly nextExpiryMs: number;
}

/** Levels of priority, 1 or more; a lower one is served first; within a level, in order of arrival. */
export interface RequestOrder {
  /** Whether a request may be served before one that came earlier. */
  readonly mayOvertake: boolean;
  /** @param priority of the request; 0 when it has none */
  levelOf(priority: number): number;
  policyOf(level: number): QueuePolicy;
}

/** The state of the instances at this moment. */
export interface RunProfile {
  /** False once the model was found to fail with any several requests in a batch. */
  readonly canBatch: boolean;
  readonly hasIdle: boolean;
  /** Whether a busy instance accepts a batch to run after its running one. */
  readonly canPrefetch: boolean;
}

/** A batch that has ended. */
export interface ObservedRun {
  readonly rows: number;
  readonly closedBy: CloseReason;
  readonly durations: BatchDurations;
}

export type Decision =
  | { readonly kind: 'nothing' }
  /** Take that many *requests*, at least 1, from the front. */
  | { readonly kind: 'take'; readonly requestCount: number; readonly closedBy: CloseReason }
  /** Without new requests the decision stays the same until then. */
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
   * Which requests to hand over now: to an idle instance if there is one, else to a busy one that can prefetch them.
   *
   * @param nowMs on the clock of `queuedAtMs`
   */
  decide<C extends Candidate>(queue: WaitingRequests<C>, profile: RunProfile, nowMs: number): Decision;
  /** A batch has ended, successfully or not. */
  observe(run: ObservedRun): void;
}
