/** A scheduler on a stage: fake clock, fake instances, a recording observer, and callers whose answers are noted. */

import type { InferenceError } from '../../src/errors.ts';
import { Cancellation, type InferenceContext } from '../../src/inference/context.ts';
import type { InferenceRequest } from '../../src/inference/request.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import type { LogFields } from '../../src/logger.ts';
import type { ModelConfig } from '../../src/model-config/model-config.ts';
import { admit } from '../../src/scheduling/admission/admission.ts';
import { compileAdmission } from '../../src/scheduling/admission/plan.ts';
import { type ChooseScheduler, chooseScheduler } from '../../src/scheduling/create-scheduler.ts';
import type { InstanceGate } from '../../src/scheduling/running/instance-gate.ts';
import type { ElasticScheduler } from '../../src/scheduling/scheduler.ts';
import {
  type AdmittedInfer,
  type VersionInterceptor,
  wrapScheduler,
} from '../../src/scheduling/version-interceptor.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { modelConfig, signatureOf } from '../fakes/make-model.ts';
import { fp32, fp32Values, inferenceContext, inferenceRequest } from '../fakes/make-request.ts';
import { RecordingObserver } from '../fakes/recording-observer.ts';

/** A caller and its answer so far. */
export class Caller {
  readonly cancellation = new Cancellation();
  response: InferenceResponse | null = null;
  error: InferenceError | null = null;
  settledCount = 0;
  settledAtMs = Number.NaN;

  get isWaiting(): boolean {
    return this.settledCount === 0;
  }

  /** Values of the first output, FP32. */
  get values(): number[] {
    return fp32Values(hostBytes(this.response?.outputs[0]?.data ?? new Uint8Array()));
  }

  leave(): void {
    this.cancellation.cancel();
  }
}

export interface StageOptions {
  readonly config?: Partial<ModelConfig>;
  readonly instances?: readonly FakeInstance[];
  readonly maxQueuedRequests?: number;
  readonly gate?: InstanceGate;
  readonly batchFault?: InferenceError;
  /** The server's choice unless given. */
  readonly chooseScheduler?: ChooseScheduler;
  /** One for all models on the stage. */
  readonly clock?: FakeClock;
  /** The interceptors around the scheduler. */
  readonly ring?: (clock: FakeClock) => readonly VersionInterceptor[];
}

export class Stage {
  readonly clock: FakeClock;
  readonly observer = new RecordingObserver();
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  readonly errorFields: LogFields[] = [];
  /** Called by the sink of each caller, within the scheduler's own call. */
  onAnswer: (caller: Caller) => void = () => undefined;
  readonly instances: readonly FakeInstance[];
  readonly config: ModelConfig;
  readonly scheduler: ElasticScheduler;
  readonly #plan;
  readonly #entry: AdmittedInfer;
  /** Callers in the order in which they were answered. */
  readonly answered: Caller[] = [];

  constructor(options: StageOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.config = modelConfig(options.config);
    this.instances = options.instances ?? [new FakeInstance()];
    const signature = signatureOf(this.config);
    this.#plan = compileAdmission(this.config, signature);
    const identity = { modelName: this.config.name, modelVersion: '1' };
    const factory = (options.chooseScheduler ?? chooseScheduler)(this.config);
    this.scheduler = factory(
      { identity, config: this.config, signature, labels: new Map(), batchFault: options.batchFault ?? null },
      this.instances,
      {
        clock: this.clock,
        turn: this.clock,
        observer: this.observer,
        gate: options.gate ?? null,
        maxQueuedRequests: options.maxQueuedRequests ?? 1000,
        logger: {
          debug: () => undefined,
          info: () => undefined,
          warn: (_fields, message) => this.warnings.push(message),
          error: (fields, message) => {
            this.errors.push(message);
            this.errorFields.push(fields);
          },
        },
      },
    );
    const version = { ...identity, config: this.config, signature };
    this.#entry = wrapScheduler(options.ring?.(this.clock) ?? [], version, this.scheduler);
  }

  /** The first instance. */
  get instance(): FakeInstance {
    return this.instances[0];
  }

  /** Sends a request with these values, one row each. */
  send(
    values: readonly number[] = [0],
    request: Partial<InferenceRequest> = {},
    context: Partial<InferenceContext> = {},
  ): Caller {
    return this.sendRequest({ inputs: [fp32('INPUT', [values.length, 1], values)], ...request }, context);
  }

  sendRequest(request: Partial<InferenceRequest>, context: Partial<InferenceContext> = {}): Caller {
    const caller = new Caller();
    const settled = (): void => {
      caller.settledCount++;
      caller.settledAtMs = this.clock.now();
      this.answered.push(caller);
      this.onAnswer(caller);
    };
    this.#entry.schedule(
      admit(this.#plan, inferenceRequest(request)),
      inferenceContext({ receivedAtMs: this.clock.now(), cancellation: caller.cancellation, ...context }),
      {
        next: (response) => {
          caller.response = response;
          settled();
        },
        fail: (error) => {
          caller.error = error;
          settled();
        },
      },
    );
    return caller;
  }

  sendMany(count: number): Caller[] {
    return Array.from({ length: count }, (_, i) => this.send([i]));
  }

  /** Ends the turn of the event loop and lets promises settle. */
  async turn(): Promise<void> {
    this.clock.turn();
    await settle();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }

  /** Ends what the instance runs. */
  async complete(instance = this.instance): Promise<void> {
    instance.last.complete();
    await settle();
  }
}

export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
