/**
 * A scheduler runs the admitted requests of one ready model version: one at a time or in batches, later also by
 * sequence or as an ensemble. Schedulers run on the event loop and own no threads.
 */

import type { EngineInstance } from '../engine/engine.ts';
import type { InferenceError } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { AdmittedRequest } from './admission/admitted-request.ts';

export interface Scheduler {
  /**
   * Queues an admitted request. Its sink gets the response, or an `InferenceError` – `unavailable` when the queue is
   * full, closed or timed out, `deadline_exceeded`, `cancelled`, or the engine's error. A refusal may come before this
   * returns.
   */
  schedule(request: AdmittedRequest, context: InferenceContext, sink: ResponseSink): void;
  /** Requests waiting or running. */
  readonly pendingCount: number;
  /** From now on `schedule` refuses with `unavailable`; accepted requests are finished. Resolves when none is left. */
  drain(): Promise<void>;
  /**
   * Fails waiting requests with this error and cancels running batches; for a shutdown that has reached its timeout.
   */
  abort(error: InferenceError): void;
}

/** A scheduler whose instances may change while it serves (in-place changes of `instance_group`). */
export interface ElasticScheduler extends Scheduler {
  /** Requests that wait for an instance. */
  readonly waitingCount: number;
  /** The instance gets batches from now on. */
  addInstance(instance: EngineInstance): void;
  /** The instance gets no new batch; resolves when its current one has ended and it may be closed. */
  retireInstance(instance: EngineInstance): Promise<void>;
}

/** Why a batch was closed: the label of `nereid_batch_closed_total`. */
export type CloseReason = 'full' | 'preferred' | 'delay' | 'idle_instance' | 'shape';

export const closeReasons: readonly CloseReason[] = ['full', 'preferred', 'delay', 'idle_instance', 'shape'];

/** Label `reason` of nv_inference_request_failure. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

export const failureReasons: readonly FailureReason[] = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'];

/** Durations of a batch that ran; charged to each of its requests. Integers, nanoseconds. */
export interface BatchDurations {
  readonly computeInputNs: number;
  readonly computeInferNs: number;
  readonly computeOutputNs: number;
}

/**
 * Receives the events of one model version, on the event loop. Each version has its own observer, so no call needs a
 * look-up.
 */
export interface SchedulingObserver {
  requestQueued(): void;
  /** After `requestQueued`, exactly one of the next two. `queueNs` runs from queueing to the start of its batch. */
  requestSucceeded(totalNs: number, queueNs: number, batch: BatchDurations, rows: number): void;
  /** Also for requests refused at admission: then `wasQueued` is false. */
  requestFailed(totalNs: number, reason: FailureReason, wasQueued: boolean): void;
  /**
   * A batch of `requestCount` requests is handed to an instance; `batchExecuted` follows. For counting running
   * requests.
   */
  batchStarted?(requestCount: number): void;
  /**
   * A batch of `requestCount` requests with `rows` rows ended; `failed` when the engine refused it; `closedBy` is null
   * where another model closed it.
   */
  batchExecuted(
    rows: number,
    requestCount: number,
    closedBy: CloseReason | null,
    batch: BatchDurations,
    failed: boolean,
  ): void;
}
