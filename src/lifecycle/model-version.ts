/**
 * One model version from load to unload: it loads once, serves, drains, and is unloaded. A reload makes another object
 * of this class, which exists beside this one for a time.
 */

import { type InferenceError, internal, toInferenceError, unavailable } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { InferenceRequest } from '../inference/request.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import { admit } from '../scheduling/admission/admission.ts';
import type { AdmittedRequest } from '../scheduling/admission/admitted-request.ts';
import { elapsedNs } from '../scheduling/running/answers.ts';
import type { Clock } from '../time.ts';
import type { LoadVersion, Servable, ServingVersion } from './servable.ts';
import { type LifecycleObserver, VersionLifecycle, type VersionState } from './version-state.ts';

/**
 * Keeps a version in use for longer than a request: for another model that uses it, or for a cache of models. While it
 * is held the version accepts requests of the holder, also after the version has left the table of its model.
 */
export interface Lease {
  readonly version: ModelVersion;
  /** Releases the lease; further calls do nothing. */
  release(): void;
}

/** Other instances for a version that serves, which are not in use yet. One of the two is called, once. */
export interface PreparedResize {
  commit(): void;
  /** Closes the new instances. */
  undo(): Promise<void>;
}

export class ModelVersion implements ServingVersion {
  readonly model: string;
  readonly version: number;
  readonly #lifecycle: VersionLifecycle;
  readonly #clock: Clock;
  readonly #leases = new Set<Lease>();
  #whenUnleased: (() => void) | null = null;
  #loaded: Servable | null = null;
  /** On the versions of other models that this one needs. */
  #held: readonly Lease[] = [];
  #retired: Promise<void> | null = null;

  constructor(model: string, version: number, observer: LifecycleObserver, clock: Clock) {
    this.model = model;
    this.version = version;
    this.#lifecycle = new VersionLifecycle(model, version, observer);
    this.#clock = clock;
  }

  get state(): VersionState {
    return this.#lifecycle.state;
  }

  get reason(): string {
    return this.#lifecycle.reason;
  }

  /** The parts of a version that has been loaded and not yet closed; null otherwise. */
  get loaded(): Servable | null {
    return this.#loaded;
  }

  /**
   * From found to ready, or to failed: then the promise rejects with the reason and nothing is left behind.
   *
   * @param needed versions of other models, leased until this one is gone
   */
  async load(load: LoadVersion, signal: AbortSignal, needed: readonly ModelVersion[] = []): Promise<void> {
    this.#lifecycle.move('loading');
    const startedMs = this.#clock.now();
    const held = needed.map((version) => version.lease());
    try {
      const loaded = await load(() => this.#lifecycle.move('warming'), signal, needed);
      this.#loaded = loaded;
      this.#held = held;
      loaded.statistics.loaded((this.#clock.now() - startedMs) / 1000);
    } catch (error) {
      for (const lease of held) lease.release();
      const reason = toInferenceError(error);
      this.#lifecycle.move('failed', reason.message);
      throw reason;
    }
    this.#lifecycle.move('ready');
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
      admitted = admit(loaded.admission, request);
    } catch (error) {
      loaded.statistics.requestFailed(elapsedNs(context.receivedAtMs, this.#clock.now()), 'OTHER', false);
      sink.fail(toInferenceError(error));
      return;
    }
    loaded.entry.schedule(admitted, context, sink);
  }

  /** Prepares other instances for a version that serves; the caller commits or undoes it. */
  async resize(config: ModelConfig, signal: AbortSignal): Promise<PreparedResize> {
    const loaded = this.#loaded;
    if (!loaded) throw notReady(this.model, this.version);
    const change = await loaded.resize?.(config, signal);
    if (!change) throw internal(`version ${this.version} of model '${this.model}' has no instances to change`);
    return {
      commit: () => {
        this.#loaded = change.commit();
      },
      undo: () => change.undo(),
    };
  }

  /** Leases a ready version; it does not drain before the lease is released. */
  lease(): Lease {
    const lease: Lease = {
      version: this,
      release: () => {
        if (this.#leases.delete(lease) && this.#leases.size === 0) this.#whenUnleased?.();
      },
    };
    this.#leases.add(lease);
    return lease;
  }

  /**
   * Called when it has left the table of its model: waits for the leases, refuses new requests, finishes the accepted
   * ones, and frees everything. Resolves when all this is done.
   */
  retire(): Promise<void> {
    this.#retired ??= this.#retire();
    return this.#retired;
  }

  /** Fails waiting requests and cancels running batches, for a shutdown that has reached its timeout. */
  abort(error: InferenceError): void {
    this.#loaded?.scheduler.abort(error);
  }

  async #retire(): Promise<void> {
    const loaded = this.#loaded;
    if (this.state === 'failed' || !loaded) {
      this.#lifecycle.move('gone');
      return;
    }
    this.#lifecycle.move('draining');
    if (this.#leases.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenUnleased = resolve;
      });
    }
    await loaded.scheduler.drain();
    this.#lifecycle.move('unloading');
    this.#loaded = null;
    try {
      await loaded.close();
    } finally {
      for (const lease of this.#held) lease.release();
      loaded.statistics.retire();
      this.#lifecycle.move('gone', 'unloaded');
    }
  }
}

/** Triton's sentence for a version that exists and does not serve now. */
export const notReady = (model: string, version: number | string): InferenceError =>
  unavailable(`Request for unknown model: '${model}' version ${version} is not at ready state`);
