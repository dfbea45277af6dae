/**
 * All models of the server, and the wishes for them: from start-up, from the poll of the repositories, and from load
 * and unload calls. It gives each wish to the `ModelLifecycle` of its model, so trouble with one model does not touch
 * another. `model-table.ts` keeps the models and answers queries.
 */

import { causeField, type InferenceError, toInferenceError, unavailable } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { checkModelName } from '../repository/model-name.ts';
import type { ModelIndexEntry } from './model-index.ts';
import type { LifecycleSurroundings } from './model-lifecycle.ts';
import { ModelTable } from './model-table.ts';
import type { ModelVersion } from './model-version.ts';
import { NeededModels } from './needed-models.ts';
import { NeedsGraph } from './needs-graph.ts';
import type { LoadFiles, RepositoryView, Sighting } from './repository-view.ts';
import { RepositoryWatch } from './repository-watch.ts';
import { waitingText } from './settling.ts';
import type { ModelStatistics } from './version-statistics.ts';
import type { LoadWish, WishOrigin } from './wish.ts';

export interface ControlSettings {
  readonly mode: 'none' | 'poll' | 'explicit';
  readonly pollIntervalMs: number;
  /** Explicit mode: what to load at start; `['*']` for everything. */
  readonly startupModels: readonly string[];
  /** Whether a repository that is missing at the start is waited for; else the start fails. */
  readonly waitsForRepository: boolean;
}

interface ControlParts extends Omit<LifecycleSurroundings, 'needed'> {
  readonly settings: ControlSettings;
  readonly view: RepositoryView;
  readonly logger: Logger;
}

/** Time between two scans for a repository that does not exist at the start. */
const repositoryRetryMs = 1000;

const isPlainLoad = (brought: LoadFiles): boolean => brought.config === null && brought.files.size === 0;

export class ModelControl {
  readonly #parts: ControlParts;
  readonly #models = new ModelTable();
  readonly #watch: RepositoryWatch;
  readonly #needs = new NeedsGraph();
  readonly #around: LifecycleSurroundings;
  /** Loaded because another model needs them, and by no call. */
  readonly #implicit = new Set<string>();
  /** Models that start-up had to load and could not; a later load or unload removes them. */
  readonly #startupFailures = new Set<string>();
  /** For each changed model, what it waits for before it is loaded. */
  readonly #waiting = new Map<string, string>();
  #hasStarted = false;
  #isWaitingForRepository: boolean;
  #stopping: InferenceError | null = null;

  constructor(parts: ControlParts) {
    this.#isWaitingForRepository = parts.settings.waitsForRepository;
    this.#parts = parts;
    const needed = new NeededModels({
      graph: this.#needs,
      lifecycle: (name) => this.#models.get(name),
      load: parts.settings.mode === 'explicit' ? (name) => this.#loadNeeded(name) : null,
      onServing: (name) => void this.#startupFailures.delete(name),
    });
    this.#around = { ...parts, needed };
    this.#watch = new RepositoryWatch({
      view: parts.view,
      clock: parts.clock,
      intervalMs: parts.settings.pollIntervalMs,
      logger: parts.logger,
      onChange: (name, sighting) => this.#fulfil(name, seen(sighting, 'poll')).catch(() => undefined),
      onRemoved: (name) => this.#folderRemoved(name),
      onWaiting: (name, lacks) => this.#reportWaiting(name, lacks),
    });
  }

  /**
   * Loads what start-up asks for and begins to poll. Resolves to the names of the models that failed; their reasons are
   * in the log and in the index. Rejects when `stop` is called meanwhile.
   */
  async start(): Promise<readonly string[]> {
    const { settings, view } = this.#parts;
    const isSelective = settings.mode === 'explicit' && !settings.startupModels.includes('*');
    const attempt = (name: string, load: Promise<void>): Promise<void> =>
      load.catch(() => {
        this.#startupFailures.add(name);
      });
    await view.survey();
    if (isSelective) {
      // A load that is asked for by name would only say that no repository has the model.
      if (settings.waitsForRepository) await this.#onceReadable(() => view.names());
      await Promise.all(settings.startupModels.map((name) => attempt(name, this.#loadFromDisk(name, 'start'))));
    } else {
      const { models, waiting } = await this.#onceReadable(() => view.scanForStart(settings.mode !== 'poll'));
      this.#watch.remember(models);
      for (const [name, lacks] of waiting) this.#reportWaiting(name, lacks);
      await Promise.all(
        [...models].map(([name, sighting]) => attempt(name, this.#fulfil(name, seen(sighting, 'start')))),
      );
    }
    if (this.#stopping) throw this.#stopping;
    this.#hasStarted = true;
    if (settings.mode === 'poll') this.#watch.start();
    return [...this.#startupFailures].sort();
  }

  /** Waits for a volume that is mounted late, if the settings ask for it. */
  async #onceReadable<Result>(read: () => Promise<Result>): Promise<Result> {
    const { clock, logger, settings } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await read();
        this.#isWaitingForRepository = false;
        return result;
      } catch (thrown) {
        if (!settings.waitsForRepository || this.#stopping) throw thrown;
        if (attempt === 1) {
          const error = toInferenceError(thrown);
          logger.error(
            causeField(error),
            `${error.message}; the server is neither live nor ready until it can be read`,
          );
        }
        await new Promise<void>((resolve) => clock.schedule(clock.now() + repositoryRetryMs, resolve));
      }
    }
  }

  /** The start may have to wait for the repository, and has not read it yet. */
  get isWaitingForRepository(): boolean {
    return this.#isWaitingForRepository;
  }

  /** Accepts no more wishes and cancels every load, so that its caller gets an answer. Models go on serving. */
  endLoads(): void {
    this.#watch.stop();
    this.#stopping ??= unavailable('Server exiting');
    for (const lifecycle of this.#models.all()) lifecycle.endLoads(this.#stopping);
  }

  /** Ends all loads and unloads every model; resolves when all are unloaded. */
  async stop(): Promise<void> {
    this.endLoads();
    await Promise.all(
      [...this.#models.all()].map(async (lifecycle) => {
        await lifecycle.fulfil({ kind: 'unload', by: 'shutdown' });
        await lifecycle.settled();
      }),
    );
  }

  /** Fails waiting requests and cancels running batches of all models. */
  abort(error: InferenceError): void {
    for (const lifecycle of this.#models.all()) lifecycle.abort(error);
  }

  /** Accepted requests of all models that are not answered yet. */
  get pendingCount(): number {
    return this.#models.pendingCount;
  }

  /** As `ModelTable.find`. */
  find(name: string, version: string): ModelVersion {
    return this.#models.find(name, version);
  }

  /** As `ModelTable.readyVersions`. */
  readyVersions(name: string): readonly ModelVersion[] {
    return this.#models.readyVersions(name);
  }

  /** As `ModelTable.readyNames`. */
  readyNames(version: string): readonly string[] {
    return this.#models.readyNames(version);
  }

  /** As `ModelTable.statisticsOf`. */
  statisticsOf(names: readonly string[]): readonly ModelStatistics[] {
    return this.#models.statisticsOf(names);
  }

  /** As `ModelTable.statistics`. */
  statistics(name: string, version: string): readonly ModelStatistics[] {
    return this.#models.statistics(name, version);
  }

  /** Names of the models that the index lists, sorted: those of the repository, and those that are loaded or failed. */
  async indexNames(): Promise<readonly string[]> {
    return this.#models.indexNames(await this.#parts.view.names());
  }

  /** The entries of these models: one per known version, and one per folder that was never loaded. */
  indexOf(names: readonly string[], readyOnly: boolean): readonly ModelIndexEntry[] {
    const entries = names.flatMap((name) => this.#models.indexOf(name, this.#waiting.get(name)));
    return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /**
   * Whether start-up has ended and, when `strict`, has loaded every model that it had to. Later failures concern their
   * own model only: a broken folder or a failed load call must not take the other models out of a load balancer.
   */
  isReady(strict: boolean): boolean {
    return this.#hasStarted && (!strict || this.#startupFailures.size === 0);
  }

  /** Loads or reloads a model from its folder, or from files and configuration in the call. */
  async load(name: string, brought: LoadFiles): Promise<void> {
    this.#refuseUnlessExplicit();
    this.#implicit.delete(name);
    if (isPlainLoad(brought)) await this.#loadFromDisk(name, 'call');
    else await this.#loadBrought(name, brought);
    await this.#around.needed.dependentsSettled(name);
  }

  /**
   * Takes a model out of service; an unknown one is no error, as in Triton. Models that need it follow it.
   *
   * @param withNeeded also those that it needs, unless a call has loaded them or another model needs them
   */
  async unload(name: string, withNeeded: boolean): Promise<void> {
    this.#refuseUnlessExplicit();
    this.#startupFailures.delete(name);
    this.#implicit.delete(name);
    const needed = withNeeded ? this.#needs.needsOf(name) : [];
    await this.#models.get(name)?.fulfil({ kind: 'unload', by: 'call' });
    await this.#around.needed.dependentsSettled(name);
    for (const { model } of needed) {
      if (this.#implicit.has(model) && this.#needs.dependentsOf(model).length === 0) await this.unload(model, true);
    }
  }

  async #loadNeeded(name: string): Promise<void> {
    const isKnown = (this.#models.get(name)?.table.serving.size ?? 0) > 0;
    await this.#loadFromDisk(name, 'needs');
    if (!isKnown) this.#implicit.add(name);
  }

  /** As the folder is now; with the configuration that a call brought earlier, until config.pbtxt changes. */
  async #loadFromDisk(name: string, by: WishOrigin): Promise<void> {
    checkModelName(name);
    const { view } = this.#parts;
    const look = async (): Promise<Sighting> => {
      const sighting = await view.look(name, by === 'start');
      const current = this.#models.get(name)?.sighting;
      const config = current?.override ?? null;
      if (config === null || current?.configFingerprint !== sighting.configFingerprint) return sighting;
      return view.brought(name, { config, files: new Map() });
    };
    const peek = async (): Promise<string> => (await view.look(name, false)).fingerprint;
    await this.#fulfil(name, { kind: 'load', by, look, peek });
  }

  async #loadBrought(name: string, brought: LoadFiles): Promise<void> {
    checkModelName(name);
    const { view } = this.#parts;
    await this.#fulfil(name, { kind: 'load', by: 'call', look: () => view.brought(name, brought), peek: null });
  }

  async #fulfil(name: string, wish: LoadWish): Promise<void> {
    if (this.#stopping) throw this.#stopping;
    await this.#models.open(name, this.#around).fulfil(wish);
    this.#startupFailures.delete(name);
  }

  /** The folder has disappeared: its versions drain, and the name is unknown afterwards. */
  async #folderRemoved(name: string): Promise<void> {
    this.#startupFailures.delete(name);
    if (this.#stopping) return;
    await this.#models.get(name)?.fulfil({ kind: 'forget', by: 'poll' });
  }

  #reportWaiting(name: string, lacks: readonly string[] | null): void {
    if (lacks === null) {
      this.#waiting.delete(name);
      return;
    }
    this.#waiting.set(name, waitingText(lacks));
    this.#parts.logger.info({ model: name }, waitingText(lacks));
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

/** A wish to load what a scan of the repositories has found. */
const seen = (sighting: Sighting, by: WishOrigin): LoadWish => ({
  kind: 'load',
  by,
  look: () => Promise.resolve(sighting),
  peek: () => Promise.resolve(sighting.fingerprint),
});
