/**
 * The last step of every request: it is settled once, the observer is notified, and the sink gets the answer. With
 * `preserve_ordering` an answer waits until all earlier ones have been given.
 *
 * Sinks are called later (answer-delivery.ts), for two reasons: writing answers must not delay the instance's next batch,
 * and a sink that submits a new request must find this room's state consistent.
 */

import type { InferenceError } from '../../errors.ts';
import type { RequestTimings } from '../../inference/context.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import type { Clock } from '../../time.ts';
import type { AnswerDelivery } from './answer-delivery.ts';
import type { QueuedRequest, RequestBatch } from '../queue/queued-request.ts';
import type { FailureReason, SchedulingObserver } from '../scheduler.ts';

const nsPerMs = 1e6;

/** Whole nanoseconds between two instants; a clock that was read in another order gives 0. */
export const elapsedNs = (fromMs: number, toMs: number): number => Math.max(0, Math.round((toMs - fromMs) * nsPerMs));

function fillTimings(timings: RequestTimings, queueNs: number, { durations, rows, requestCount }: RequestBatch): void {
  timings.queueNs = queueNs;
  timings.computeInputNs = durations.computeInputNs;
  timings.computeInferNs = durations.computeInferNs;
  timings.computeOutputNs = durations.computeOutputNs;
  timings.batchRows = rows;
  timings.batchRequests = requestCount;
}

export class Answers {
  readonly #clock: Clock;
  readonly #observer: SchedulingObserver;
  readonly #delivery: AnswerDelivery;
  readonly #keepsOrder: boolean;
  #firstInOrder: QueuedRequest | null = null;
  #lastInOrder: QueuedRequest | null = null;
  #openCount = 0;

  constructor(clock: Clock, observer: SchedulingObserver, delivery: AnswerDelivery, keepsOrder: boolean) {
    this.#clock = clock;
    this.#observer = observer;
    this.#delivery = delivery;
    this.#keepsOrder = keepsOrder;
  }

  /** Requests accepted and not settled. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Accepts a request: from now on it is open, until it is settled. */
  accept(request: QueuedRequest): void {
    this.#openCount++;
    this.#observer.requestQueued();
    if (!this.#keepsOrder) return;
    if (this.#lastInOrder === null) this.#firstInOrder = request;
    else this.#lastInOrder.nextInOrder = request;
    this.#lastInOrder = request;
  }

  /** @param nowMs read once for all requests of a batch: they are answered within microseconds of each other */
  succeed(request: QueuedRequest, response: InferenceResponse, nowMs: number): void {
    request.response = response;
    this.#end(request, nowMs);
  }

  fail(request: QueuedRequest, error: InferenceError, reason: FailureReason): void {
    request.error = error;
    request.failureReason = reason;
    this.#end(request, this.#clock.now());
  }

  /** Settles at once, whatever the order: for callers who have left and servers that give up. */
  failNow(request: QueuedRequest, error: InferenceError, reason: FailureReason): void {
    request.response?.release();
    request.response = null;
    request.error = error;
    request.failureReason = reason;
    const nowMs = this.#clock.now();
    this.#settle(request, nowMs);
    if (this.#keepsOrder) this.#settleFront(nowMs);
  }

  /** Requests that have ended and only wait for the answers of earlier ones. */
  heldRequests(): readonly QueuedRequest[] {
    const held: QueuedRequest[] = [];
    for (let request = this.#firstInOrder; request !== null; request = request.nextInOrder) {
      if (request.state === 'ended') held.push(request);
    }
    return held;
  }

  #end(request: QueuedRequest, nowMs: number): void {
    if (!this.#keepsOrder) {
      this.#settle(request, nowMs);
      return;
    }
    request.state = 'ended';
    this.#settleFront(nowMs);
  }

  #settleFront(nowMs: number): void {
    let front = this.#firstInOrder;
    while (front !== null && (front.state === 'ended' || front.state === 'settled')) {
      if (front.state === 'ended') this.#settle(front, nowMs);
      const next: QueuedRequest | null = front.nextInOrder;
      front.nextInOrder = null;
      front = next;
    }
    this.#firstInOrder = front;
    if (front === null) this.#lastInOrder = null;
  }

  #settle(request: QueuedRequest, nowMs: number): void {
    request.state = 'settled';
    this.#openCount--;
    request.context.cancellation.remove(request);
    const totalNs = elapsedNs(request.context.receivedAtMs, nowMs);
    if (request.response !== null) {
      const batch = request.batch as RequestBatch;
      const { durations } = batch;
      const queueNs = elapsedNs(request.queuedAtMs, batch.startedAtMs);
      this.#observer.requestSucceeded(totalNs, queueNs, durations, request.rows);
      const { timings } = request.context;
      if (timings !== undefined) fillTimings(timings, queueNs, batch);
    } else {
      this.#observer.requestFailed(totalNs, request.failureReason, true);
    }
    if (!request.isStillRead) this.#delivery.add(request);
  }

  /** The batch of a request whose caller has left has ended: its inputs are no longer read. */
  readEnded(request: QueuedRequest): void {
    request.isStillRead = false;
    this.#delivery.add(request);
  }
}
