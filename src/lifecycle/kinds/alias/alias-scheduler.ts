/**
 * Gives the requests of an alias to the scheduler of its target, where they share batches with the target's own, and
 * their answers the name of the alias. It counts them once more, as requests of the alias.
 */

import type { ErrorCode, InferenceError } from '../../../errors.ts';
import { type InferenceContext, TimedContext } from '../../../inference/context.ts';
import type { ResponseSink } from '../../../inference/infer.ts';
import type { Parameters } from '../../../inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../../inference/response.ts';
import type { AdmittedRequest } from '../../../scheduling/admission/admitted-request.ts';
import { elapsedNs } from '../../../scheduling/running/answers.ts';
import type { FailureReason, Scheduler, SchedulingObserver } from '../../../scheduling/scheduler.ts';
import type { Clock } from '../../../time.ts';
import { notReady } from '../../model-version.ts';

/** Decimal version. */
interface Identity {
  readonly modelName: string;
  readonly modelVersion: string;
}

export class AliasScheduler implements Scheduler {
  /** The scheduler of the target counts them: a sum over all models counts each request once. */
  readonly pendingCount = 0;
  readonly identity: Identity;
  readonly #target: Scheduler;
  readonly #observer: SchedulingObserver;
  readonly #clock: Clock;
  #openCount = 0;
  #isClosed = false;
  #whenEmpty: (() => void) | null = null;

  constructor(identity: Identity, target: Scheduler, observer: SchedulingObserver, clock: Clock) {
    this.identity = identity;
    this.#target = target;
    this.#observer = observer;
    this.#clock = clock;
  }

  schedule(request: AdmittedRequest, context: InferenceContext, sink: ResponseSink): void {
    if (this.#isClosed) {
      this.#observer.requestFailed(elapsedNs(context.receivedAtMs, this.#clock.now()), 'OTHER', false);
      sink.fail(notReady(this.identity.modelName, this.identity.modelVersion));
      return;
    }
    this.#openCount++;
    this.#observer.requestQueued();
    const call = new AliasCall(this, request.rows, context, sink);
    this.#target.schedule(request, call, call);
  }

  /** As for a step of an ensemble in Triton, a request counts as an execution of its own. */
  succeeded({ timings, receivedAtMs, rows }: AliasCall): void {
    const observer = this.#observer;
    observer.batchStarted?.(1);
    observer.batchExecuted(rows, 1, null, timings, false);
    observer.requestSucceeded(elapsedNs(receivedAtMs, this.#clock.now()), timings.queueNs, timings, rows);
    this.#ended();
  }

  failed({ receivedAtMs }: AliasCall, error: InferenceError): void {
    this.#observer.requestFailed(elapsedNs(receivedAtMs, this.#clock.now()), reasons[error.code] ?? 'OTHER', true);
    this.#ended();
  }

  drain(): Promise<void> {
    this.#isClosed = true;
    if (this.#openCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  /** Its requests wait and run in the target, which is aborted with all models. */
  abort(): void {
    this.#isClosed = true;
  }

  #ended(): void {
    this.#openCount--;
    if (this.#openCount === 0) this.#whenEmpty?.();
  }
}

/** The target reports a failure by its code alone. */
const reasons: Readonly<Partial<Record<ErrorCode, FailureReason>>> = {
  unavailable: 'REJECTED',
  deadline_exceeded: 'REJECTED',
  cancelled: 'CANCELED',
  internal: 'BACKEND',
};

/** One request on its way through the target; the context and the sink that the target gets. */
class AliasCall extends TimedContext implements ResponseSink {
  readonly rows: number;
  readonly #scheduler: AliasScheduler;
  readonly #sink: ResponseSink;

  constructor(scheduler: AliasScheduler, rows: number, context: InferenceContext, sink: ResponseSink) {
    super(context);
    this.#scheduler = scheduler;
    this.#sink = sink;
    this.rows = rows;
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    if (isFinal) this.#scheduler.succeeded(this);
    this.#sink.next(new AliasResponse(this.#scheduler.identity, response), isFinal);
  }

  fail(error: InferenceError): void {
    this.#scheduler.failed(this, error);
    this.#sink.fail(error);
  }
}

/** The answer of the target under the name of the alias. */
class AliasResponse implements InferenceResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly outputs: readonly OutputTensor[];
  readonly isBatched: boolean;
  readonly #response: InferenceResponse;

  constructor({ modelName, modelVersion }: Identity, response: InferenceResponse) {
    this.modelName = modelName;
    this.modelVersion = modelVersion;
    this.id = response.id;
    this.parameters = response.parameters;
    this.outputs = response.outputs;
    this.isBatched = response.isBatched;
    this.#response = response;
  }

  release(): void {
    this.#response.release();
  }
}
