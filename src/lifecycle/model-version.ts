/**
 * One life of one model version: it loads once, serves, drains, and is gone. A reload is another object of this class
 * whose life overlaps with this one's.
 */

import { type InferenceError, toInferenceError, unavailable } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { InferenceRequest } from '../inference/request.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import { type AdmissionPlan, type AdmittedRequest, admit } from '../scheduling/admission.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { AdmittedInfer } from '../scheduling/version-interceptor.ts';
import type { Clock } from '../time.ts';
import { type LifecycleObserver, VersionLife, type VersionState } from './version-state.ts';
import type { VersionStatistics } from './version-statistics.ts';

/** Everything a serving version consists of, as the loader hands it over. */
export interface LoadedVersion {
  readonly signature: ModelSignature;
  readonly plan: AdmissionPlan;
  readonly scheduler: Scheduler;
  /** Where admitted requests go in: the scheduler, or the ring around it. */
  readonly entry: AdmittedInfer;
  readonly statistics: VersionStatistics;
  /** The configuration in force; changes when instances are adjusted in place. */
  readonly config: ModelConfig;
  /** Takes another number of instances into use, for a configuration that differs in `instance_group` only. */
  adjust(config: ModelConfig): Promise<LoadedVersion>;
  /** Frees sessions and instances; the scheduler has been drained before. */
  close(): Promise<void>;
}

/** Loads the version's parts and calls `warming` when they are there and warm-up begins. Undoes itself on failure. */
export type LoadVersion = (warming: () => void) => Promise<LoadedVersion>;

export class ModelVersion {
  readonly model: string;
  readonly version: number;
  readonly #life: VersionLife;
  readonly #clock: Clock;
  #loaded: LoadedVersion | null = null;
  #gone: Promise<void> | null = null;

  constructor(model: string, version: number, observer: LifecycleObserver, clock: Clock) {
    this.model = model;
    this.version = version;
    this.#life = new VersionLife(model, version, observer);
    this.#clock = clock;
  }

  get state(): VersionState {
    return this.#life.state;
  }

  get reason(): string {
    return this.#life.reason;
  }

  /** The parts of a version that has been loaded and not yet closed; null otherwise. */
  get loaded(): LoadedVersion | null {
    return this.#loaded;
  }

  /** From found to ready, or to failed: then the promise rejects with the reason and nothing is left behind. */
  async load(load: LoadVersion): Promise<void> {
    this.#life.move('loading');
    const startedMs = this.#clock.now();
    try {
      const loaded = await load(() => this.#life.move('warming'));
      this.#loaded = loaded;
      loaded.statistics.loaded((this.#clock.now() - startedMs) / 1000);
    } catch (error) {
      const reason = toInferenceError(error);
      this.#life.move('failed', reason.message);
      throw reason;
    }
    this.#life.move('ready');
  }

  /** Admits and schedules. The caller has found this version ready in the same turn of the event loop. */
  infer(request: InferenceRequest, context: InferenceContext, sink: ResponseSink): void {
    const loaded = this.#loaded;
    if (!loaded) {
      sink.fail(notReady(this.model, this.version));
      return;
    }
    let admitted: AdmittedRequest;
    try {
      admitted = admit(loaded.plan, request);
    } catch (error) {
      const totalNs = Math.round((this.#clock.now() - context.receivedAtMs) * 1e6);
      loaded.statistics.requestFailed(totalNs, 'OTHER', false);
      sink.fail(toInferenceError(error));
      return;
    }
    loaded.entry.schedule(admitted, context, sink);
  }

  /** Changes the instances in place; the version serves all the while. */
  async adjust(config: ModelConfig): Promise<void> {
    if (this.#loaded) this.#loaded = await this.#loaded.adjust(config);
  }

  /** Takes no more requests, finishes the accepted ones, frees everything. Resolves when it is gone. */
  retire(): Promise<void> {
    this.#gone ??= this.#retire();
    return this.#gone;
  }

  /** Fails what waits and ends what runs, for a shutdown whose time is over. */
  abort(error: InferenceError): void {
    this.#loaded?.scheduler.abort(error);
  }

  async #retire(): Promise<void> {
    const loaded = this.#loaded;
    if (this.state === 'failed' || !loaded) {
      this.#life.move('gone');
      return;
    }
    this.#life.move('draining');
    await loaded.scheduler.drain();
    this.#life.move('unloading');
    this.#loaded = null;
    try {
      await loaded.close();
    } finally {
      loaded.statistics.retire();
      this.#life.move('gone', 'unloaded');
    }
  }
}

/** Triton's sentence for a version that exists and does not serve now. */
export const notReady = (model: string, version: number | string): InferenceError =>
  unavailable(`Request for unknown model: '${model}' version ${version} is not at ready state`);
