/**
 * Hands closed batches to instances and handles the results: answers, or after a failure one more run for each request
 * alone. Its owner decides which requests form a batch, and when.
 */

import { deviceText, type EngineInstance, type EngineResult } from '../../engine/engine.ts';
import { causeField, type InferenceError, toInferenceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Clock } from '../../time.ts';
import type { Answers } from './answers.ts';
import { Batch, engineBatchOf, type InstanceSlot } from './batch.ts';
import type { BatchPolicy, RunProfile } from '../policies/batch-policy.ts';
import { answerBatch, type ResponseIdentity } from './batch-response.ts';
import type { Demand, InstanceGate } from './instance-gate.ts';
import { InstancePool } from './instance-pool.ts';
import { failedResult, Isolation, mayRunAgain } from './isolation.ts';
import { areInTarget, OutputTargets } from './output-target.ts';
import type { QueuedRequest } from '../queue/queued-request.ts';
import { outputFault, rowsFault, type ScatterPlan } from './scatter.ts';
import type { CloseReason, SchedulingObserver } from '../scheduler.ts';

interface DispatcherParts {
  readonly identity: ResponseIdentity;
  /** Is told of every batch that has ended. */
  readonly policy: BatchPolicy;
  readonly scatter: ScatterPlan;
  /** Why several requests cannot form one batch, if that is known from the start; else null. */
  readonly batchFault: InferenceError | null;
  readonly answers: Answers;
  readonly observer: SchedulingObserver;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Null where only instances limit how many batches run. */
  readonly gate: InstanceGate | null;
  /** An instance is free, or can prefetch a batch; may be called before `start` returns. */
  readonly onFree: () => void;
  /** A request of a failed batch is to run again, alone, before all waiting ones. */
  readonly onRetry: (request: QueuedRequest) => void;
  /** A batch has ended, and its requests are answered or will be retried. */
  readonly onEnd: () => void;
}

export class BatchDispatcher implements RunProfile {
  readonly #parts: DispatcherParts;
  readonly #pool = new InstancePool();
  readonly #isolation = new Isolation();
  readonly #targets = new OutputTargets();
  readonly #demands = new Map<string, Demand>();
  #canBatch = true;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    if (parts.batchFault !== null) this.#stopBatching(parts.batchFault);
  }

  get canBatch(): boolean {
    return this.#canBatch;
  }

  get hasIdle(): boolean {
    return this.#pool.hasIdle;
  }

  get canPrefetch(): boolean {
    // A prefetched batch would take the turn of a model that waits at the gate.
    return this.#parts.gate === null && this.#pool.findForPrefetch() !== null;
  }

  get isBusy(): boolean {
    return this.#pool.busyCount > 0;
  }

  addInstance(instance: EngineInstance): void {
    this.#pool.add(instance, this.#parts.gate === null ? null : this.#demandOn(deviceText(instance.device)));
  }

  retireInstance(instance: EngineInstance): Promise<void> {
    return this.#pool.retire(instance);
  }

  /**
   * An instance for `start`. Null when the gate is full; `onFree` is called when it is this model's turn. Only while
   * `hasIdle`.
   */
  claim(): InstanceSlot | null {
    const { gate } = this.#parts;
    return gate === null ? this.#pool.takeIdle() : this.#pool.takeIdleThat((instance) => this.#enters(gate, instance));
  }

  #enters(gate: InstanceGate, instance: InstanceSlot): boolean {
    instance.pass = gate.enter(instance.demand as Demand, this.#parts.onFree);
    return instance.pass !== null;
  }

  #demandOn(device: string): Demand {
    const known = this.#demands.get(device) ?? { device };
    this.#demands.set(device, known);
    return known;
  }

  /** @param instance from `claim` */
  start(instance: InstanceSlot, requests: readonly QueuedRequest[], closedBy: CloseReason, nowMs: number): void {
    const batch = new Batch(requests, closedBy, nowMs, instance);
    instance.batch = batch;
    this.#parts.observer.batchStarted?.(requests.length);
    this.#handOver(batch, instance);
  }

  /** A busy instance for `prefetch`; null when none accepts a batch. */
  claimForPrefetch(): InstanceSlot | null {
    return this.#parts.gate === null ? this.#pool.findForPrefetch() : null;
  }

  /** Hands over a batch that the instance runs after its running one. @param instance from `claimForPrefetch` */
  prefetch(instance: InstanceSlot, requests: readonly QueuedRequest[], closedBy: CloseReason, nowMs: number): void {
    const batch = new Batch(requests, closedBy, nowMs, instance);
    instance.prefetched = batch;
    this.#handOver(batch, instance);
  }

  #handOver(batch: Batch, instance: InstanceSlot): void {
    try {
      batch.target = this.#targets.targetFor(batch.requests);
      const engineBatch = engineBatchOf(batch.requests, batch.target);
      batch.outputCount = engineBatch.outputs.length;
      batch.ticket = instance.engine.submit(engineBatch, (result) => this.#completed(batch, result));
    } catch (error) {
      this.#completed(batch, failedResult(toInferenceError(error)));
    }
  }

  /** Fails every request that runs, at once, and asks the engine to stop. */
  abort(error: InferenceError): void {
    for (const batch of this.#pool.heldBatches()) {
      for (const request of batch.requests) {
        if (request.state === 'running') this.#parts.answers.failNow(request, error, 'OTHER');
      }
      batch.liveCount = 0;
      batch.ticket?.end();
    }
  }

  #completed(batch: Batch, result: EngineResult): void {
    if (batch.isDone) return;
    batch.isDone = true;
    batch.durations = {
      computeInputNs: result.inputNs,
      computeInferNs: result.inferNs,
      computeOutputNs: result.outputNs,
    };
    const { observer, policy, onFree, onEnd } = this.#parts;
    if (!areInTarget(result.outputs)) batch.leaveTarget();
    if (batch.liveCount < batch.requests.length) this.#notifyLeavers(batch);
    policy.observe(batch);
    if (batch.instance.prefetched === batch) observer.batchStarted?.(batch.requests.length);
    const promoted = this.#pool.giveBack(batch.instance, batch);
    this.#leaveGate(batch.instance);
    if (promoted !== null) this.#begun(promoted);
    const error = result.error ?? this.#faultOf(batch, result);
    observer.batchExecuted(batch.rows, batch.requests.length, batch.closedBy, batch.durations, error !== null);
    if (error === null) {
      // The next batch first: the device must not wait for answers to be cut.
      onFree();
      this.#succeed(batch, result);
    } else {
      this.#fail(batch, result, error);
      onFree();
    }
    onEnd();
  }

  /** Returns the pass: other models that wait at the gate come first. */
  #leaveGate(instance: InstanceSlot): void {
    const { pass } = instance;
    if (pass === null) return;
    instance.pass = null;
    pass.release();
  }

  #notifyLeavers(batch: Batch): void {
    for (const request of batch.requests) if (request.isStillRead) this.#parts.answers.readEnded(request);
  }

  /** The engine has started a prefetched batch. */
  #begun(batch: Batch): void {
    batch.startedAtMs = this.#parts.clock.now();
    this.#parts.observer.batchStarted?.(batch.requests.length);
  }

  /** Outputs that do not follow the batch dimension are no fault of a request that ran alone: they are all its own. */
  #faultOf(batch: Batch, result: EngineResult): InferenceError | null {
    const { scatter } = this.#parts;
    const fault = outputFault(scatter, result, batch.outputCount);
    if (fault !== null) return fault;
    const mismatch = rowsFault(scatter, result.outputs, batch.rows);
    if (mismatch === null) return null;
    this.#stopBatching(mismatch);
    return batch.requests.length === 1 ? null : mismatch;
  }

  #succeed(batch: Batch, result: EngineResult): void {
    if (batch.requests.length > 1) this.#isolation.batchSucceeded();
    const { scatter, identity, answers, clock } = this.#parts;
    this.#targets.observe(batch.requests, result.outputs, batch.rows);
    if (batch.liveCount === 0) {
      result.release();
      batch.leaveTarget();
    } else answerBatch(batch, result, scatter, identity, answers, clock.now());
  }

  #fail(batch: Batch, result: EngineResult, error: InferenceError): void {
    result.release();
    batch.leaveTarget();
    const { requests } = batch;
    const isRetried = requests.length > 1 && mayRunAgain(result, error);
    if (isRetried && this.#isolation.batchFailed()) this.#stopBatching(error);
    if (requests.length === 1) this.#isolation.culpritFound();
    for (const request of requests) {
      if (request.state !== 'running') continue;
      if (isRetried) this.#retryAlone(request);
      else if (error.code === 'cancelled') this.#parts.answers.fail(request, error, 'CANCELED');
      else this.#failForGood(request, error);
    }
  }

  /** Fails the request and writes one error line; the runtime's own lines about it are logged at info level. */
  #failForGood(request: QueuedRequest, error: InferenceError): void {
    const { identity, logger, answers } = this.#parts;
    const { id } = request.request;
    const fields = { model: identity.modelName, version: identity.modelVersion, requestId: id, ...causeField(error) };
    logger.error(fields, `The model failed a request: ${error.message}`);
    answers.fail(request, error, 'BACKEND');
  }

  #retryAlone(request: QueuedRequest): void {
    request.state = 'waiting';
    request.batch = null;
    request.batchKey = this.#isolation.loneKey();
    this.#parts.onRetry(request);
  }

  #stopBatching({ message }: InferenceError): void {
    if (!this.#canBatch) return;
    this.#canBatch = false;
    const { identity, logger } = this.#parts;
    logger.warn(
      { model: identity.modelName, version: identity.modelVersion, reason: message },
      'The model cannot run several requests as one batch, so each runs alone from now on.',
    );
  }
}
