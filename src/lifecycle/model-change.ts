/**
 * One change of a model while it is prepared: new versions and instances beside those that serve. It takes effect as a
 * whole or is undone as a whole.
 */

import { type InferenceError, invalidArgument, toInferenceError } from '../errors.ts';
import type { Clock } from '../time.ts';
import { indexReason } from './index-reason.ts';
import type { Slots } from './load-slots.ts';
import type { ModelSource } from './model-source.ts';
import { ModelVersion, type PreparedResize } from './model-version.ts';
import type { LifecycleObserver } from './version-state.ts';
import type { VersionTable } from './version-table.ts';

export interface ChangeSurroundings {
  readonly observer: LifecycleObserver;
  readonly clock: Clock;
  readonly loadSlots: Slots;
  /** How often a failed load is tried again before it counts. */
  readonly retryCount: number;
}

export class ModelChange {
  /** New versions, loaded or being loaded. */
  readonly fresh: ModelVersion[] = [];
  readonly #source: ModelSource;
  readonly #table: VersionTable;
  readonly #around: ChangeSurroundings;
  readonly #signal: AbortSignal;
  readonly #resized: PreparedResize[] = [];

  /** @param signal cancels the change: pending operations reject with its reason */
  constructor(source: ModelSource, table: VersionTable, around: ChangeSurroundings, signal: AbortSignal) {
    this.#source = source;
    this.#table = table;
    this.#around = around;
    this.#signal = signal;
  }

  /**
   * Loads these versions; rejects with one error that names every version that failed, and leaves the reasons in the
   * table.
   */
  async load(numbers: readonly number[], needed: readonly ModelVersion[]): Promise<void> {
    const { observer, clock, loadSlots } = this.#around;
    const fresh = numbers.map((number) => new ModelVersion(this.#table.model, number, observer, clock));
    this.fresh.push(...fresh);
    this.#table.coming = fresh;
    const results = await Promise.allSettled(
      fresh.map((version) => loadSlots(() => this.#loadOne(version, needed), this.#signal)),
    );
    this.#table.coming = [];
    this.#signal.throwIfAborted();
    const failures = new Map<number, string>();
    let first: InferenceError | null = null;
    for (const [i, result] of results.entries()) {
      const version = fresh[i];
      if (result.status === 'fulfilled' || !version) continue;
      const error = toInferenceError(result.reason);
      first ??= error;
      failures.set(version.version, indexReason(error));
    }
    if (!first) return;
    this.#table.failures = failures;
    throw loadFailed(this.#table.model, failures, first);
  }

  async #loadOne(version: ModelVersion, needed: readonly ModelVersion[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await version.load(this.#source.loader(version.version), this.#signal, needed);
        return;
      } catch (error) {
        if (attempt >= this.#around.retryCount || this.#signal.aborted) throw error;
      }
    }
  }

  /** Prepares the instances that serving versions need according to the new source. */
  async resize(numbers: readonly number[]): Promise<void> {
    try {
      for (const number of numbers) {
        const version = this.#table.serving.get(number);
        if (version) this.#resized.push(await version.resize(this.#source.configFor(version), this.#signal));
        this.#signal.throwIfAborted();
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#table.failures = new Map([[0, toInferenceError(error).message]]);
      throw error;
    }
  }

  /** The versions that serve from now on, with the instances that they are to have. */
  commit(stay: readonly number[]): ReadonlyMap<number, ModelVersion> {
    for (const change of this.#resized) change.commit();
    const next = new Map<number, ModelVersion>();
    for (const number of stay) {
      const version = this.#table.serving.get(number);
      if (version) next.set(number, version);
    }
    for (const version of this.fresh) next.set(version.version, version);
    return next;
  }

  /** Closes the prepared instances; the caller retires the new versions. */
  async undo(): Promise<void> {
    const results = await Promise.allSettled(this.#resized.map((change) => change.undo()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

/** Triton's sentence for a load that failed, one clause per version. */
function loadFailed(model: string, failures: ReadonlyMap<number, string>, first: InferenceError): InferenceError {
  const clauses = [...failures].map(([version, reason]) => `version ${version} is at UNAVAILABLE state: ${reason};`);
  return invalidArgument(`load failed for model '${model}': ${clauses.join(' ')}\n`, first);
}
