/**
 * One model over time: which of its versions serve, which are on their way in or out, and why the last attempt failed.
 * Changes of one model happen one after the other; changes of different models know nothing of each other. What is to be
 * served comes as a `ModelSource`; this file decides the order of things and never touches files.
 */

import { type InferenceError, invalidArgument, notFound, toInferenceError } from '../errors.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { Clock } from '../time.ts';
import { indexReason } from './index-reason.ts';
import type { ModelIndexEntry } from './model-index.ts';
import { type LoadVersion, ModelVersion, notReady } from './model-version.ts';
import { type LifecycleObserver, versionStates } from './version-state.ts';

/** What differs between two sources of the same model. */
export interface SourceChange {
  /** Whether a version that already serves has to be loaded anew. */
  reloads(version: number): boolean;
  /** The versions that stay need another set of instances. */
  readonly adjustsInstances: boolean;
}

/** One look at what a model ought to be. */
export interface ModelSource {
  /** The version numbers that the version policy selects, ascending. */
  readonly versions: readonly number[];
  loader(version: number): LoadVersion;
  /** The configuration that a version already loaded would get from this source. */
  configFor(version: ModelVersion): ModelConfig;
  changeSince(before: ModelSource): SourceChange;
  /** Frees what the source holds, such as a temporary folder; called once no version of it is loaded any more. */
  release(): Promise<void>;
}

/** Runs a task when a slot is free; bounds how many loads happen at once. */
export type Slots = <T>(task: () => Promise<T>) => Promise<T>;

export interface LifeSurroundings {
  readonly observer: LifecycleObserver;
  readonly clock: Clock;
  readonly loadSlots: Slots;
  /** How often a failed load is tried again before it counts. */
  readonly retryCount: number;
  /** A source that could not be released leaves files behind; somebody should know. */
  readonly onReleaseError: (error: unknown) => void;
}

const byVersion = (a: ModelVersion, b: ModelVersion): number => a.version - b.version;

export class ModelLife {
  readonly name: string;
  readonly #around: LifeSurroundings;
  /** Replaced as a whole, so that a request sees the versions of one source only. */
  #serving: ReadonlyMap<number, ModelVersion> = new Map();
  #coming: readonly ModelVersion[] = [];
  readonly #leaving = new Set<ModelVersion>();
  /** What goes on in the background: versions draining, sources being released. */
  readonly #departures = new Set<Promise<unknown>>();
  #source: ModelSource | null = null;
  /** Why the last attempt failed, by version; 0 for what concerns the whole model. */
  #failures: ReadonlyMap<number, string> = new Map();
  #unloaded: readonly number[] = [];
  #tail: Promise<unknown> = Promise.resolve();

  constructor(name: string, around: LifeSurroundings) {
    this.name = name;
    this.#around = around;
  }

  /** Ready versions, ascending. */
  get ready(): readonly ModelVersion[] {
    return [...this.#serving.values()].sort(byVersion);
  }

  /** Nothing serves, comes or goes. */
  get isIdle(): boolean {
    return this.#serving.size === 0 && this.#coming.length === 0 && this.#leaving.size === 0;
  }

  /** The source in force; null when the model is not loaded. */
  get source(): ModelSource | null {
    return this.#source;
  }

  /** Whether the last attempt to load left something that ought to serve and does not. */
  get hasFailed(): boolean {
    return this.#failures.size > 0;
  }

  get isLoading(): boolean {
    return this.#coming.length > 0;
  }

  /**
   * The version that answers a request: the newest ready one for '', else that one.
   *
   * @throws InferenceError `not_found`, `unavailable` or `invalid_argument` with Triton's sentences (grpc.md §4.1, §8).
   */
  find(text: string): ModelVersion {
    if (text !== '') return this.#findNumber(text);
    let newest: ModelVersion | null = null;
    for (const version of this.#serving.values()) if (!newest || version.version > newest.version) newest = version;
    if (newest) return newest;
    throw notFound(`Request for unknown model: '${this.name}' has no available versions`);
  }

  #findNumber(text: string): ModelVersion {
    const number = versionNumber(text);
    const serving = this.#serving.get(number);
    if (serving) return serving;
    const isUnderWay = [...this.#coming, ...this.#leaving].some(({ version }) => version === number);
    if (isUnderWay || this.#failures.has(number)) throw notReady(this.name, number);
    throw notFound(`Request for unknown model: '${this.name}' version ${number} is not found`);
  }

  /**
   * Makes the model what `source` says. New versions load beside the serving ones; only when all are ready do they take
   * over, in one step, and the replaced ones drain in the background. If any fails, everything new is dropped and what
   * served before goes on serving.
   */
  apply(source: ModelSource): Promise<void> {
    return this.#inTurn(() => this.#apply(source));
  }

  /** Takes the model out of service; resolves at once, accepted requests are finished in the background. */
  unload(): Promise<void> {
    return this.#inTurn(() => {
      this.#unloaded = this.ready.map(({ version }) => version);
      this.#failures = new Map();
      this.#replace(new Map(), null);
      return Promise.resolve();
    });
  }

  /** Records that the model could not even be read; what serves goes on serving. */
  fail(error: InferenceError): void {
    this.#failures = new Map([[0, indexReason(error)]]);
  }

  /** Resolves when every version that was leaving is gone. */
  async settled(): Promise<void> {
    await this.#tail;
    await Promise.all(this.#departures);
  }

  /** Fails what waits and ends what runs in all versions. */
  abort(error: InferenceError): void {
    for (const version of [...this.#serving.values(), ...this.#leaving]) version.abort(error);
  }

  /** One entry per version; one without a version when nothing more is known. */
  index(): readonly ModelIndexEntry[] {
    const entries = new Map<number, ModelIndexEntry>();
    const put = (version: number, state: ModelIndexEntry['state'], reason: string): void => {
      entries.set(version, { name: this.name, version: version === 0 ? '' : String(version), state, reason });
    };
    for (const version of this.#unloaded) put(version, 'UNAVAILABLE', 'unloaded');
    for (const { version, state } of this.#leaving) put(version, versionStates[state].index, '');
    for (const [version, reason] of this.#failures) put(version, 'UNAVAILABLE', reason);
    for (const { version, state } of this.#coming) put(version, versionStates[state].index, '');
    const whole = this.#failures.get(0) ?? '';
    for (const version of this.#serving.keys()) put(version, 'READY', this.#failures.get(version) ?? whole);
    if (this.#serving.size > 0) entries.delete(0);
    return [...entries].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(task);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #apply(source: ModelSource): Promise<void> {
    if (source.versions.length === 0) {
      const error = invalidArgument(
        `at least one version must be available under the version policy of model '${this.name}'`,
      );
      this.fail(error);
      await source.release();
      throw error;
    }
    const before = this.#source;
    const change = before && source.changeSince(before);
    const kept = new Map<number, ModelVersion>();
    const fresh: ModelVersion[] = [];
    for (const number of source.versions) {
      const serving = this.#serving.get(number);
      if (serving && change && !change.reloads(number)) kept.set(number, serving);
      else fresh.push(new ModelVersion(this.name, number, this.#around.observer, this.#around.clock));
    }
    try {
      await this.#load(source, fresh);
      if (change?.adjustsInstances) await this.#adjust(source, kept);
    } catch (error) {
      await this.#drop(fresh);
      await source.release();
      throw error;
    }
    this.#failures = new Map();
    this.#unloaded = [];
    for (const version of fresh) kept.set(version.version, version);
    this.#replace(kept, source);
  }

  async #adjust(source: ModelSource, versions: ReadonlyMap<number, ModelVersion>): Promise<void> {
    try {
      for (const version of versions.values()) await version.adjust(source.configFor(version));
    } catch (error) {
      this.fail(toInferenceError(error));
      throw error;
    }
  }

  /** Loads all of `fresh`; rejects with one error that names every version that failed. */
  async #load(source: ModelSource, fresh: readonly ModelVersion[]): Promise<void> {
    this.#coming = fresh;
    const results = await Promise.allSettled(
      fresh.map((version) => this.#around.loadSlots(() => this.#loadOne(source, version))),
    );
    this.#coming = [];
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
    this.#failures = failures;
    throw loadFailed(this.name, failures, first);
  }

  async #loadOne(source: ModelSource, version: ModelVersion): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await version.load(source.loader(version.version));
        return;
      } catch (error) {
        if (attempt >= this.#around.retryCount) throw error;
      }
    }
  }

  async #drop(versions: readonly ModelVersion[]): Promise<void> {
    await Promise.all(versions.map((version) => version.retire()));
  }

  /** The one step in which versions take over; what is no longer among them drains in the background. */
  #replace(next: ReadonlyMap<number, ModelVersion>, source: ModelSource | null): void {
    const left = [...this.#serving.values()].filter((version) => next.get(version.version) !== version);
    const replaced = this.#source;
    this.#serving = next;
    this.#source = source;
    for (const version of left) this.#leaving.add(version);
    const departure = this.#seeOff(left, replaced === source ? null : replaced);
    this.#departures.add(departure);
    departure.finally(() => this.#departures.delete(departure));
  }

  /** Drains versions that were replaced, then releases the source they came from. Never rejects. */
  async #seeOff(versions: readonly ModelVersion[], source: ModelSource | null): Promise<void> {
    const retired = versions.map((version) => version.retire().finally(() => this.#leaving.delete(version)));
    await Promise.allSettled(retired);
    await source?.release().catch(this.#around.onReleaseError);
  }
}

/** @throws InferenceError `invalid_argument` with Triton's sentence unless the text is an integer above 0. */
export function versionNumber(text: string): number {
  if (/^[1-9]\d{0,18}$/.test(text)) {
    const number = Number(text);
    if (Number.isSafeInteger(number)) return number;
  }
  const isNumber = /^[+-]?\d+$/.test(text);
  throw invalidArgument(
    isNumber
      ? `invalid model version specified '${text}' , version should be an integral value > 0`
      : `failed to get model version from specified version string '${text}' (details: stol), version should be an integral value > 0`,
  );
}

/** Triton's sentence for a load that failed, one clause per version; always `invalid_argument`, as Triton answers. */
function loadFailed(model: string, failures: ReadonlyMap<number, string>, first: InferenceError): InferenceError {
  const clauses = [...failures].map(([version, reason]) => `version ${version} is at UNAVAILABLE state: ${reason};`);
  return invalidArgument(`load failed for model '${model}': ${clauses.join(' ')}\n`, first);
}
