/**
 * The models of the server by name: those with a life cycle, and the latest that served once and were forgotten. It answers
 * the queries about models, which change nothing; an entry leaves only when its `ModelLifecycle` says so.
 */

import { invalidArgument, notFound } from '../errors.ts';
import { shownText } from '../shown-text.ts';
import type { ModelIndexEntry } from './model-index.ts';
import { type LifecycleSurroundings, ModelLifecycle } from './model-lifecycle.ts';
import type { ModelVersion } from './model-version.ts';
import type { ModelStatistics } from './version-statistics.ts';
import { unloadedReason, type VersionTable, versionNumber } from './version-table.ts';

const maxForgotten = 1000;

export class ModelTable {
  readonly #lifecycles = new Map<string, ModelLifecycle>();
  /**
   * Models that served once and were forgotten, the latest of them: a request for one gets the error that the model has
   * no version.
   */
  readonly #forgotten = new Map<string, VersionTable>();

  get(name: string): ModelLifecycle | undefined {
    return this.#lifecycles.get(name);
  }

  all(): Iterable<ModelLifecycle> {
    return this.#lifecycles.values();
  }

  /** The life cycle of a model, a new one where it has none. */
  open(name: string, surroundings: LifecycleSurroundings): ModelLifecycle {
    const known = this.#lifecycles.get(name);
    if (known) return known;
    const lifecycle: ModelLifecycle = new ModelLifecycle(name, surroundings, {
      forget: () => {
        // A `ModelLifecycle` reports this each time it has no more wishes, even if another one has taken its place.
        if (this.#lifecycles.get(name) !== lifecycle) return;
        this.#lifecycles.delete(name);
        if (lifecycle.table.unloaded.size > 0) this.#rememberForgotten(lifecycle);
      },
    });
    // The index goes on to list what served before, whatever it was loaded from.
    const forgotten = this.#forgotten.get(name);
    if (forgotten !== undefined) lifecycle.table.unloaded = forgotten.unloaded;
    this.#forgotten.delete(name);
    this.#lifecycles.set(name, lifecycle);
    return lifecycle;
  }

  #rememberForgotten({ name, table }: ModelLifecycle): void {
    this.#forgotten.delete(name);
    this.#forgotten.set(name, table);
    const [oldest] = this.#forgotten.keys();
    if (oldest !== undefined && this.#forgotten.size > maxForgotten) this.#forgotten.delete(oldest);
  }

  /** Accepted requests of all models that are not answered yet. */
  get pendingCount(): number {
    let count = 0;
    for (const { table } of this.#lifecycles.values()) {
      for (const { loaded } of [...table.serving.values(), ...table.leaving])
        count += loaded?.scheduler.pendingCount ?? 0;
    }
    return count;
  }

  /** The version that serves such a request; throws `not_found`, `unavailable` or `invalid_argument`. */
  find(name: string, version: string): ModelVersion {
    const table = this.#lifecycles.get(name)?.table ?? this.#forgotten.get(name);
    if (table) return table.find(version);
    if (version !== '') versionNumber(version);
    throw notFound(`Request for unknown model: '${shownText(name)}' is not found`);
  }

  /** Ready versions of one model, ascending; empty for an unknown one. */
  readyVersions(name: string): readonly ModelVersion[] {
    return this.#lifecycles.get(name)?.table.ready ?? [];
  }

  /** Names of the models with a ready version, sorted. The version is only checked, as in Triton. */
  readyNames(version: string): readonly string[] {
    if (version !== '') versionNumber(version);
    return [...this.#lifecycles.keys()].filter((name) => this.readyVersions(name).length > 0).sort();
  }

  /** Statistics of the ready versions of these models; models without one are left out. */
  statisticsOf(names: readonly string[]): readonly ModelStatistics[] {
    return names.flatMap((name) => snapshotsOf(this.readyVersions(name)));
  }

  /** Statistics of the ready versions of a model, or of one version. The version is read first, as in Triton. */
  statistics(name: string, version: string): readonly ModelStatistics[] {
    const number = version === '' ? null : versionNumber(version);
    const versions = this.readyVersions(name);
    if (versions.length === 0) throw invalidArgument(`requested model '${shownText(name)}' is not available`);
    if (number === null) return snapshotsOf(versions);
    const wanted = versions.filter((each) => each.version === number);
    if (wanted.length === 0)
      throw invalidArgument(`requested model version is not available for model '${shownText(name)}'`);
    return snapshotsOf(wanted);
  }

  /** Names of the models that the index lists, sorted. @param folders the names of the folders */
  indexNames(folders: Iterable<string>): readonly string[] {
    const names = new Set(folders);
    for (const [name, { table }] of this.#lifecycles) if (!table.isIdle) names.add(name);
    return [...names].sort();
  }

  /**
   * One entry per known version of a model, or one for a folder that was never loaded. A model that waits for files has an
   * entry that says so, in place of an older reason: beside its serving versions, or alone.
   *
   * @param waiting for a changed model, what it waits for before it is loaded
   */
  indexOf(name: string, waiting: string | undefined): readonly ModelIndexEntry[] {
    const known = (this.#lifecycles.get(name)?.table ?? this.#forgotten.get(name))?.index() ?? [];
    if (waiting === undefined) return known.length > 0 ? known : [{ name, version: '', state: '', reason: '' }];
    if (known.length === 0) return [{ name, version: '', state: 'UNAVAILABLE', reason: waiting }];
    return known.map((entry) => (entry.reason === unloadedReason ? entry : { ...entry, reason: waiting }));
  }
}

const snapshotsOf = (versions: readonly ModelVersion[]): readonly ModelStatistics[] =>
  versions.flatMap(({ loaded }) => (loaded ? [loaded.statistics.snapshot()] : []));
