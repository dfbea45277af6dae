/**
 * The scheduler of a model version with instances: a queue, a policy that forms batches, and a dispatcher that hands
 * them to instances. It runs on the event loop. A model that does not batch has the same scheduler, with a policy of
 * one request.
 *
 * An idle instance takes a batch at the end of the turn of the event loop, so that requests of one turn share it. If
 * the last requests all came alone, the next one does not wait for the end of the turn (lone-arrivals.ts). An instance
 * that becomes idle takes a batch at once. Waiting requests stay in the queue, where they can be cancelled, expire, be
 * overtaken and be joined by others. There is one exception: a full batch that gains nothing from waiting is prefetched
 * by a busy instance, so that the device does not wait for this thread
 * (docs/decisions/0008-prefetch.md).
 */

import type { EngineInstance } from '../engine/engine.ts';
import type { InferenceError } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { Logger } from '../logger.ts';
import type { Clock } from '../time.ts';
import type { AdmittedRequest } from './admission/admitted-request.ts';
import { AnswerDelivery } from './running/answer-delivery.ts';
import { Answers, elapsedNs } from './running/answers.ts';
import { BatchDispatcher } from './running/batch-dispatcher.ts';
import type { BatchPolicy } from './policies/batch-policy.ts';
import type { ResponseIdentity } from './running/batch-response.ts';
import type { InstanceGate } from './running/instance-gate.ts';
import { timeoutMs } from './policies/queue-policy.ts';
import { QueuedRequest, type RequestOwner } from './queue/queued-request.ts';
import { RequestQueue, retryLevel } from './queue/request-queue.ts';
import type { ScatterPlan } from './running/scatter.ts';
import { scheduleRefusal } from './queue/errors.ts';
import type { ElasticScheduler, FailureReason, SchedulingObserver } from './scheduler.ts';
import { WakeTimer } from './queue/wake-timer.ts';

/** From this delay on a timer of whole milliseconds is exact enough; shorter ones are met to a fraction. */
const coarseDelayMs = 10;

interface BatcherParts {
  readonly identity: ResponseIdentity;
  /** For this scheduler alone. */
  readonly policy: BatchPolicy;
  /** Whether answers go out in the order in which requests came. */
  readonly preservesOrdering: boolean;
  readonly scatter: ScatterPlan;
  /** Why several requests cannot form one batch, if that is known from the start; else null. */
  readonly batchFault: InferenceError | null;
  readonly maxQueuedRequests: number;
  readonly clock: Clock;
  readonly observer: SchedulingObserver;
  /** Shared with other models; null where there is none. */
  readonly gate: InstanceGate | null;
  readonly logger: Logger;
}

export class DynamicBatcher implements ElasticScheduler, RequestOwner {
  readonly #parts: BatcherParts;
  readonly #queue: RequestQueue;
  readonly #delivery: AnswerDelivery;
  readonly #answers: Answers;
  readonly #dispatcher: BatchDispatcher;
  readonly #delayTimer: WakeTimer;
  readonly #expiryTimer: WakeTimer;
  #isPumping = false;
  #isPumpDue = false;
  #isClosed = false;
  #drained: (() => void)[] = [];

  constructor(parts: BatcherParts) {
    const { policy, clock, observer, logger } = parts;
    const pump = (): void => this.#pump();
    this.#parts = parts;
    this.#queue = new RequestQueue(policy.order, parts.maxQueuedRequests);
    this.#delivery = new AnswerDelivery(clock, logger, pump);
    this.#answers = new Answers(clock, observer, this.#delivery, parts.preservesOrdering);
    this.#dispatcher = new BatchDispatcher({
      ...parts,
      answers: this.#answers,
      onFree: pump,
      onRetry: (request) => this.#requeue(request),
      onEnd: () => this.#noticeDrained(),
    });
    this.#delayTimer = new WakeTimer(clock, policy.maxDelayMs < coarseDelayMs, pump);
    this.#expiryTimer = new WakeTimer(clock, false, pump);
  }

  get pendingCount(): number {
    return this.#answers.openCount;
  }

  get waitingCount(): number {
    return this.#queue.length;
  }

  schedule(request: AdmittedRequest, context: InferenceContext, sink: ResponseSink): void {
    const { clock, identity, policy } = this.#parts;
    const nowMs = clock.now();
    if (this.#isClosed) {
      this.#refuse(context, sink, nowMs, scheduleRefusal.closed(identity), 'OTHER');
      return;
    }
    if (context.cancellation.cancelled) {
      this.#refuse(context, sink, nowMs, scheduleRefusal.cancelled(), 'CANCELED');
      return;
    }
    if (context.deadlineMs <= nowMs) {
      this.#refuse(context, sink, nowMs, scheduleRefusal.deadline(identity), 'REJECTED');
      return;
    }
    const level = policy.order.levelOf(request.priority);
    if (!this.#makesRoom(level)) {
      this.#refuse(context, sink, nowMs, scheduleRefusal.queueFull(request.id), 'REJECTED');
      return;
    }
    const waitMs = timeoutMs(this.#queue.policyOf(level), request.timeoutUs);
    const expiresAtMs = Math.min(nowMs + waitMs, context.deadlineMs);
    const queued = new QueuedRequest(request, context, nowMs, level, expiresAtMs, sink);
    queued.owner = this;
    context.cancellation.add(queued);
    this.#answers.accept(queued);
    this.#queue.push(queued);
    this.#afterArrival(expiresAtMs, nowMs);
  }

  /** For its requests: the caller has left. Takes the request out of the queue, or out of its batch. */
  leave(request: QueuedRequest): void {
    const { batch, state } = request;
    if (state === 'settled') return;
    if (state === 'waiting') this.#queue.remove(request);
    request.isStillRead = state === 'running';
    this.#answers.failNow(request, scheduleRefusal.cancelled(), 'CANCELED');
    if (state === 'running') batch?.forget();
    this.#noticeDrained();
  }

  addInstance(instance: EngineInstance): void {
    this.#dispatcher.addInstance(instance);
    if (this.#queue.length > 0) this.#pump();
  }

  retireInstance(instance: EngineInstance): Promise<void> {
    return this.#dispatcher.retireInstance(instance);
  }

  drain(): Promise<void> {
    this.#isClosed = true;
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#noticeDrained();
    });
  }

  abort(error: InferenceError): void {
    this.#isClosed = true;
    for (const request of this.#queue.take(this.#queue.length)) this.#answers.failNow(request, error, 'OTHER');
    for (const request of this.#answers.heldRequests()) this.#answers.failNow(request, error, 'OTHER');
    this.#dispatcher.abort(error);
    this.#noticeDrained();
  }

  #refuse(
    context: InferenceContext,
    sink: ResponseSink,
    nowMs: number,
    error: InferenceError,
    reason: FailureReason,
  ): void {
    this.#parts.observer.requestFailed(elapsedNs(context.receivedAtMs, nowMs), reason, false);
    sink.fail(error);
  }

  /**
   * Requests that could start right now do not count as waiting, so a full queue is checked again after starting them.
   */
  #makesRoom(level: number): boolean {
    if (this.#queue.hasRoom(level)) return true;
    this.#pump();
    return this.#queue.hasRoom(level);
  }

  #afterArrival(expiresAtMs: number, nowMs: number): void {
    const when = this.#parts.policy.arrived(this.#queue, this.#dispatcher, nowMs);
    if (when === 'now') {
      this.#pump(nowMs);
    } else if (when === 'later') {
      this.#expiryTimer.wakeBy(expiresAtMs);
    } else if (!this.#isPumpDue) {
      this.#isPumpDue = true;
      this.#parts.clock.soon(this.#onSoon);
    }
  }

  readonly #onSoon = (): void => {
    this.#isPumpDue = false;
    this.#pump();
  };

  /**
   * Refuses expired requests, starts batches, and sets the timers for the rest.
   *
   * @param nowMs null where the caller has not just read the clock
   */
  #pump(nowMs: number | null = null): void {
    // A run that ends before `start` returns calls this again; then the running loop below continues.
    if (this.#isPumping) return;
    if (this.#queue.length > 0) {
      this.#isPumping = true;
      try {
        this.#startBatches(nowMs ?? this.#parts.clock.now());
      } finally {
        this.#isPumping = false;
      }
    }
    if (this.#queue.length === 0) {
      this.#delayTimer.stop();
      this.#noticeDrained();
    } else {
      this.#expiryTimer.wakeBy(this.#queue.nextExpiryMs);
    }
  }

  #startBatches(beginMs: number): void {
    const { clock, policy } = this.#parts;
    let nowMs = beginMs;
    this.#expire(nowMs);
    while (this.#queue.length > 0 && !this.#delivery.isBehind) {
      const decision = policy.decide(this.#queue, this.#dispatcher, nowMs);
      if (decision.kind === 'wait') this.#delayTimer.wakeBy(decision.untilMs);
      if (decision.kind !== 'take') return;
      if (this.#dispatcher.hasIdle) {
        const instance = this.#dispatcher.claim();
        if (instance === null) return;
        this.#dispatcher.start(instance, this.#queue.take(decision.requestCount), decision.closedBy, nowMs);
        if (this.#queue.length === 0) return;
        nowMs = clock.now();
        this.#expire(nowMs);
      } else {
        const instance = this.#dispatcher.claimForPrefetch();
        if (instance === null) return;
        this.#dispatcher.prefetch(instance, this.#queue.take(decision.requestCount), decision.closedBy, nowMs);
      }
    }
  }

  #expire(nowMs: number): void {
    for (let due = this.#queue.expireOne(nowMs); due !== null; due = this.#queue.expireOne(nowMs)) {
      const isDeadline = due.context.deadlineMs <= nowMs;
      const error = isDeadline ? scheduleRefusal.deadline(this.#parts.identity) : scheduleRefusal.timeout();
      this.#answers.fail(due, error, 'REJECTED');
    }
  }

  /** Back into the queue after its batch failed, ahead of all others; only the caller's deadline limits it now. */
  #requeue(request: QueuedRequest): void {
    request.level = retryLevel;
    request.expiresAtMs = request.context.deadlineMs;
    this.#queue.push(request);
  }

  #noticeDrained(): void {
    if (this.#drained.length === 0 || this.#answers.openCount > 0 || this.#dispatcher.isBusy) return;
    this.#delayTimer.stop();
    this.#expiryTimer.stop();
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
