/**
 * All models of the server and who changes them: start-up, the poll of the repositories, and load and unload calls. It
 * decides which model gets which source when; `ModelLife` does the rest, each model on its own, so that no model's trouble
 * is another's.
 */

import { InferenceError, invalidArgument, notFound, toInferenceError, unavailable } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { checkModelName } from '../repository/model-name.ts';
import type { ModelIndexEntry } from './model-index.ts';
import { type LifeSurroundings, ModelLife, type ModelSource, versionNumber } from './model-life.ts';
import type { ModelVersion } from './model-version.ts';
import type { LoadFiles, RepositoryView, Sighting } from './repository-view.ts';
import { RepositoryWatch } from './repository-watch.ts';
import type { ModelStatistics } from './version-statistics.ts';

export interface ControlSettings {
  readonly mode: 'none' | 'poll' | 'explicit';
  readonly pollIntervalMs: number;
  /** Explicit mode: what to load at start; `['*']` for everything. */
  readonly startupModels: readonly string[];
}

export interface ControlParts extends LifeSurroundings {
  readonly settings: ControlSettings;
  readonly view: RepositoryView;
  readonly logger: Logger;
}

export class ModelControl {
  readonly #parts: ControlParts;
  readonly #lives = new Map<string, ModelLife>();
  readonly #watch: RepositoryWatch;
  /** What start-up was asked for and could not load; a later load or unload settles it. */
  readonly #startupFailures = new Set<string>();
  #hasStarted = false;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#watch = new RepositoryWatch({
      view: parts.view,
      clock: parts.clock,
      intervalMs: parts.settings.pollIntervalMs,
      logger: parts.logger,
      onChange: (name, sighting) => this.#adopt(name, sighting),
      onGone: (name) => this.#forget(name),
    });
  }

  /**
   * Loads what start-up asks for and begins to poll. Resolves to the names of the models that failed; their reasons are
   * in the log and in the index.
   */
  async start(): Promise<readonly string[]> {
    const { settings, view } = this.#parts;
    const isSelective = settings.mode === 'explicit' && !settings.startupModels.includes('*');
    const attempt = async (name: string, load: Promise<void>): Promise<void> => {
      await load.catch((error: unknown) => {
        this.#startupFailures.add(name);
        this.#parts.logger.error({ model: name }, toInferenceError(error).message.trim());
      });
    };
    if (isSelective) {
      await Promise.all(settings.startupModels.map((name) => attempt(name, this.#loadFromDisk(name))));
    } else {
      const sightings = await view.scanUntilStable();
      this.#watch.remember(sightings);
      await Promise.all([...sightings].map(([name, sighting]) => attempt(name, this.#apply(name, sighting))));
    }
    this.#hasStarted = true;
    if (settings.mode === 'poll') this.#watch.start();
    return [...this.#startupFailures].sort();
  }

  /** Stops polling and takes every model out of service; resolves when all of them are gone. */
  async stop(): Promise<void> {
    this.#watch.stop();
    const lives = [...this.#lives.values()];
    await Promise.all(
      lives.map(async (life) => {
        await life.unload();
        await life.settled();
      }),
    );
  }

  /** Fails what waits and ends what runs, in all models. */
  abort(error: InferenceError): void {
    for (const life of this.#lives.values()) life.abort(error);
  }

  /** Accepted requests of all models that are not answered yet. */
  get pendingCount(): number {
    let count = 0;
    for (const life of this.#lives.values()) {
      for (const { loaded } of life.ready) count += loaded?.scheduler.pendingCount ?? 0;
    }
    return count;
  }

  /** The version that serves such a request; throws `not_found`, `unavailable` or `invalid_argument`. */
  find(name: string, version: string): ModelVersion {
    const life = this.#lives.get(name);
    if (life) return life.find(version);
    if (version !== '') versionNumber(version);
    throw notFound(`Request for unknown model: '${name}' is not found`);
  }

  /** Ready versions of one model, ascending; empty for an unknown one. */
  readyVersions(name: string): readonly ModelVersion[] {
    return this.#lives.get(name)?.ready ?? [];
  }

  /** Statistics of ready versions: of all models for '', of one, or of one version. */
  statistics(name: string, version: string): readonly ModelStatistics[] {
    if (name === '') return [...this.#lives.keys()].sort().flatMap((each) => this.#snapshots(this.readyVersions(each)));
    const versions = this.readyVersions(name);
    if (versions.length === 0) throw invalidArgument(`requested model '${name}' is not available`);
    if (version === '') return this.#snapshots(versions);
    const number = versionNumber(version);
    const wanted = versions.filter((each) => each.version === number);
    if (wanted.length === 0) throw invalidArgument(`requested model version is not available for model '${name}'`);
    return this.#snapshots(wanted);
  }

  /**
   * Whether start-up is over and, when `strict`, has loaded all that it was asked for. What fails later is the matter of
   * that model: a broken folder or a failed load call must not take the other models out of a load balancer.
   */
  isReady(strict: boolean): boolean {
    return this.#hasStarted && (!strict || this.#startupFailures.size === 0);
  }

  /** One entry per known version, and one per folder that was never loaded; by name. */
  async index(readyOnly: boolean): Promise<readonly ModelIndexEntry[]> {
    const names = new Set(await this.#parts.view.names());
    for (const [name, life] of this.#lives) {
      if (!life.isIdle) names.add(name);
      else if (!names.has(name)) this.#lives.delete(name);
    }
    const entries: ModelIndexEntry[] = [];
    for (const name of [...names].sort()) {
      const known = this.#lives.get(name)?.index() ?? [];
      entries.push(...(known.length > 0 ? known : [{ name, version: '', state: '' as const, reason: '' }]));
    }
    return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /** Loads or reloads a model from its folder, or from what the call brings along. */
  async load(name: string, brought: LoadFiles): Promise<void> {
    this.#refuseUnlessExplicit();
    if (brought.config === null && brought.files.size === 0) await this.#loadFromDisk(name);
    else await this.#loadBrought(name, brought);
  }

  /** Takes a model out of service; an unknown one is no error, as in Triton. */
  async unload(name: string): Promise<void> {
    this.#refuseUnlessExplicit();
    this.#startupFailures.delete(name);
    await this.#lives.get(name)?.unload();
  }

  async #loadFromDisk(name: string): Promise<void> {
    checkModelName(name);
    let sighting: Sighting;
    try {
      sighting = await this.#parts.view.look(name);
    } catch (error) {
      throw pollFailed(name, error);
    }
    await this.#apply(name, sighting);
  }

  async #loadBrought(name: string, brought: LoadFiles): Promise<void> {
    checkModelName(name);
    const sighting = await this.#parts.view.brought(name, brought);
    await this.#apply(name, sighting);
  }

  async #apply(name: string, sighting: Sighting): Promise<void> {
    const life = this.#life(name);
    let source: ModelSource;
    try {
      source = await sighting.source();
    } catch (error) {
      life.fail(toInferenceError(error));
      throw pollFailed(name, error);
    }
    await life.apply(source);
    this.#startupFailures.delete(name);
    this.#parts.logger.info({ model: name, versions: source.versions }, 'model is ready');
  }

  /** A change that the watch has seen; its failure concerns this model only. */
  async #adopt(name: string, sighting: Sighting): Promise<void> {
    try {
      await this.#apply(name, sighting);
    } catch (error) {
      this.#parts.logger.error({ model: name }, toInferenceError(error).message.trim());
    }
  }

  /** The folder is gone: what served it drains, and the name is unknown afterwards. */
  async #forget(name: string): Promise<void> {
    this.#startupFailures.delete(name);
    const life = this.#lives.get(name);
    if (!life) return;
    this.#parts.logger.info({ model: name }, 'model folder is gone, unloading');
    await life.unload();
    await life.settled();
    if (this.#lives.get(name) === life && life.isIdle) this.#lives.delete(name);
  }

  #life(name: string): ModelLife {
    const known = this.#lives.get(name);
    if (known) return known;
    const life = new ModelLife(name, this.#parts);
    this.#lives.set(name, life);
    return life;
  }

  #snapshots(versions: readonly ModelVersion[]): readonly ModelStatistics[] {
    return versions.flatMap(({ loaded }) => (loaded ? [loaded.statistics.snapshot()] : []));
  }

  #refuseUnlessExplicit(): void {
    const { mode } = this.#parts.settings;
    if (mode === 'explicit') return;
    throw unavailable(
      `explicit model load / unload is not allowed if polling is enabled; this server runs with --model-control-mode=${mode}, ` +
        'start it with --model-control-mode=explicit to allow it',
    );
  }
}

/** Triton's sentence for a model that could not even be read, and then why. */
function pollFailed(name: string, error: unknown): InferenceError {
  const { code, message } = toInferenceError(error);
  return new InferenceError(code, `failed to load '${name}', failed to poll from model repository: ${message}`, error);
}
