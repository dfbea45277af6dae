/**
 * One request between `schedule` and its answer. A record that the parts of this room change in place – queue links,
 * heap place, batch – so that a request costs one object here and every move is O(1).
 */

import type { InferenceError } from '../../errors.ts';
import type { InferenceContext } from '../../inference/context.ts';
import type { ResponseSink } from '../../inference/infer.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { AdmittedRequest } from '../admission/admitted-request.ts';
import type { BatchDurations, FailureReason } from '../scheduler.ts';
import type { ListLinks, RequestList } from './request-list.ts';

/**
 * waiting in the queue → running in a batch → ended (and held until earlier requests are answered, where order is kept)
 * → settled. A request whose batch failed goes from running back to waiting, once.
 */
type QueuedState = 'waiting' | 'running' | 'ended' | 'settled';

/** Is told that the caller of a request has left. */
export interface RequestOwner {
  leave(request: QueuedRequest): void;
}

/** The batch in which a request runs, as far as that request is concerned. */
export interface RequestBatch {
  /** On the clock of `queuedAtMs`. */
  readonly startedAtMs: number;
  readonly durations: BatchDurations;
  readonly rows: number;
  readonly requestCount: number;
  /** The caller of one of its requests has left and was told; a batch without waiting callers is cancelled. */
  forget(): void;
}

export class QueuedRequest implements ListLinks<QueuedRequest> {
  readonly request: AdmittedRequest;
  readonly context: InferenceContext;
  readonly queuedAtMs: number;
  /** Priority level, 1 first; 0 is the lane of requests that are tried again alone. */
  level: number;
  /**
   * When it leaves the queue unanswered: the lesser of the queue's timeout and the caller's deadline; Infinity for
   * never.
   */
  expiresAtMs: number;
  readonly rows: number;
  /** As in `AdmittedRequest`, until the request is retried alone: then a unique key. */
  batchKey: string;
  state: QueuedState = 'waiting';
  batch: RequestBatch | null = null;

  // Links of the list that holds it.
  list: RequestList<QueuedRequest> | null = null;
  previous: QueuedRequest | null = null;
  next: QueuedRequest | null = null;
  /** Place in the deadline heap, -1 when it has none. */
  heapIndex = -1;

  // The outcome; exactly one of the two is set when the request has ended.
  response: InferenceResponse | null = null;
  error: InferenceError | null = null;
  failureReason: FailureReason = 'OTHER';
  /** Its caller has left while its batch runs and reads it; its sink is told when the run has ended. */
  isStillRead = false;
  /** The request that came after it, where answers keep the order of arrival. */
  nextInOrder: QueuedRequest | null = null;

  /** Its scheduler, from the moment that it is accepted. */
  owner: RequestOwner | null = null;
  readonly sink: ResponseSink;

  constructor(
    request: AdmittedRequest,
    context: InferenceContext,
    queuedAtMs: number,
    level: number,
    expiresAtMs: number,
    sink: ResponseSink,
  ) {
    this.request = request;
    this.context = context;
    this.queuedAtMs = queuedAtMs;
    this.level = level;
    this.expiresAtMs = expiresAtMs;
    this.rows = request.rows;
    this.batchKey = request.batchKey;
    this.sink = sink;
  }

  /** For the request's `Cancellation`, which holds it as its listener. */
  callerLeft(): void {
    this.owner?.leave(this);
  }
}
