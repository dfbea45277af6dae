/**
 * The versions of one model as requests and queries see them: which serve, which are being loaded or unloaded, and why
 * the last attempt failed. Only the loop of `model-lifecycle.ts` writes here; queries change nothing.
 */

import { invalidArgument, notFound } from '../errors.ts';
import { shownText } from '../shown-text.ts';
import type { ModelIndexEntry } from './model-index.ts';
import { type ModelVersion, notReady } from './model-version.ts';
import { versionStates } from './version-state.ts';

/** The most unloaded versions that are remembered, because a model may have new versions for ever. */
const mostUnloaded = 100;

/** The reason of a version that served once, as in Triton. */
export const unloadedReason = 'unloaded';

const byVersion = (a: ModelVersion, b: ModelVersion): number => a.version - b.version;

export class VersionTable {
  readonly model: string;
  /** Replaced as a whole, so that a request sees the versions of one source only. */
  serving: ReadonlyMap<number, ModelVersion> = new Map();
  coming: readonly ModelVersion[] = [];
  readonly leaving = new Set<ModelVersion>();
  /** Why the last attempt failed, by version; 0 for a failure of the whole model. */
  failures: ReadonlyMap<number, string> = new Map();
  /** Versions that served once and were taken out, the latest of them. */
  unloaded: ReadonlySet<number> = new Set();

  constructor(model: string) {
    this.model = model;
  }

  /** Ready versions, ascending. */
  get ready(): readonly ModelVersion[] {
    return [...this.serving.values()].sort(byVersion);
  }

  /** Replaces the serving versions; returns those that no longer serve. */
  replaceServing(next: ReadonlyMap<number, ModelVersion>): readonly ModelVersion[] {
    const left = this.ready.filter((version) => next.get(version.version) !== version);
    const unloaded = [...this.unloaded, ...left.map(({ version }) => version)].filter((number) => !next.has(number));
    this.unloaded = new Set(unloaded.slice(-mostUnloaded));
    this.failures = new Map();
    this.serving = next;
    return left;
  }

  /** No version serves, is being loaded or drains. */
  get isIdle(): boolean {
    return this.serving.size === 0 && this.coming.length === 0 && this.leaving.size === 0;
  }

  /**
   * The version that answers a request: the newest ready one for '', else that one.
   *
   * @throws InferenceError `not_found`, `unavailable` or `invalid_argument` with Triton's sentences.
   */
  find(text: string): ModelVersion {
    if (text !== '') return this.#findNumber(text);
    let newest: ModelVersion | null = null;
    for (const version of this.serving.values()) if (!newest || version.version > newest.version) newest = version;
    if (newest) return newest;
    throw notFound(`Request for unknown model: '${this.model}' has no available versions`);
  }

  #findNumber(text: string): ModelVersion {
    const number = versionNumber(text);
    const serving = this.serving.get(number);
    if (serving) return serving;
    const isUnderWay = [...this.coming, ...this.leaving].some(({ version }) => version === number);
    const hasFailed = number > 0 && this.failures.has(number);
    if (isUnderWay || hasFailed || this.unloaded.has(number)) throw notReady(this.model, number);
    throw notFound(`Request for unknown model: '${this.model}' version ${BigInt(text)} is not found`);
  }

  /** One entry per version; one without a version when nothing more is known. */
  index(): readonly ModelIndexEntry[] {
    const entries = new Map<number, ModelIndexEntry>();
    const put = (version: number, state: ModelIndexEntry['state'], reason: string): void => {
      entries.set(version, { name: this.model, version: version === 0 ? '' : String(version), state, reason });
    };
    const whole = this.failures.get(0) ?? '';
    // A failure of the whole model is one entry, in place of its versions.
    if (whole === '' || this.serving.size > 0) {
      for (const version of this.unloaded) put(version, 'UNAVAILABLE', unloadedReason);
    }
    for (const { version, state } of this.leaving) put(version, versionStates[state].index, '');
    for (const [version, reason] of this.failures) put(version, 'UNAVAILABLE', reason);
    for (const { version, state } of this.coming) put(version, versionStates[state].index, '');
    for (const version of this.serving.keys()) put(version, 'READY', this.failures.get(version) ?? whole);
    if (this.serving.size > 0) entries.delete(0);
    return [...entries].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  }
}

/** The largest version number in Triton. */
const int64Max = 2n ** 63n - 1n;

/**
 * @returns beyond the safe integers only roughly: no model has such a version
 * @throws InferenceError `invalid_argument` with Triton's sentence unless the text is an integer that a version could
 * have.
 */
export function versionNumber(text: string): number {
  // As strtol reads it: zeros in front do not count, and 0 is a number of which there is no version.
  const number = /^\+?\d{1,64}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  const exact = /^[+-]?\d{1,64}$/.test(text) ? BigInt(text) : null;
  if (exact === null || exact > int64Max || exact < -int64Max - 1n) {
    throw invalidArgument(
      `failed to get model version from specified version string '${shownText(text)}' (details: stol), version should be an integral value > 0`,
    );
  }
  if (exact >= 0n) return number;
  throw invalidArgument(
    `invalid model version specified '${shownText(text)}' , version should be an integral value > 0`,
  );
}
