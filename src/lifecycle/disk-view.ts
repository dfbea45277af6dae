/** The model repositories on disk, in the form in which model control reads them. */

import { basename } from 'node:path';
import { invalidArgument, notFound } from '../errors.ts';
import type { ConfigSource } from '../model-config/resolve-config.ts';
import type { ReadFacts } from '../repository/file-facts.ts';
import { writeFileOverrides } from '../repository/file-overrides.ts';
import { holdsAnyModel, type ModelFolder, scanFolder, scanModel } from '../repository/layout.ts';
import { hintForRepository, noModelText } from '../repository/misplaced-files.ts';
import { RepositoryMemory } from '../repository/repository-memory.ts';
import { removeLeftovers } from '../repository/temporary-folders.ts';
import { quoted } from '../shown-text.ts';
import { DiskSource, type SourceTools } from './disk-source.ts';
import { lacksOf } from './incomplete-model.ts';
import type { LoadFiles, RepositoryView, Sighting, StartScan } from './repository-view.ts';
import { Settling, stillWritten, waitingText } from './settling.ts';

/** A file younger than this may still be written to, so one scan is not enough. */
const youngMs = 2000;

/** Time between two scans of young files. */
const lookAgainMs = 100;

/** Files that never stop changing are loaded as they are after this. */
const changingMs = 5000;

/** At start-up a folder that lacks something is tried anyway when nothing in it has changed for so long. */
const startPatienceMs = 5000;

/** How long a start without a later poll waits for models that lack something. */
const mostPatienceMs = 60_000;

/** The same with a poll, which loads them later: enough for two scans. */
const briefMs = 500;

interface DiskViewSettings {
  /** Absolute, at least one. */
  readonly paths: readonly string[];
  readonly configName: string | null;
}

export class DiskView implements RepositoryView {
  readonly #settings: DiskViewSettings;
  readonly #tools: SourceTools;
  readonly #memory: RepositoryMemory;

  /** @param readFacts for scans of all models */
  constructor(settings: DiskViewSettings, tools: SourceTools, readFacts: ReadFacts) {
    this.#settings = settings;
    this.#tools = tools;
    this.#memory = new RepositoryMemory(settings.paths, settings, tools.logger, readFacts);
  }

  async survey(): Promise<void> {
    const { logger } = this.#tools;
    const leftovers = await removeLeftovers();
    if (leftovers > 0) logger.info({ leftovers }, 'removed temporary models of processes that are no more');
    for (const path of this.#settings.paths) {
      // An unreadable repository is reported when it is needed.
      if (await holdsAnyModel(path, this.#settings).catch(() => true)) continue;
      logger.warn({}, `model repository ${quoted(basename(path))}: ${noModelText(await hintForRepository(path))}`);
    }
  }

  names(): Promise<readonly string[]> {
    return this.#memory.names();
  }

  async scan(): Promise<ReadonlyMap<string, Sighting>> {
    // Without auto-complete a folder that has no configuration is no model, as in Triton; a call to load it says why.
    const isModel = ({ configPath, problem }: ModelFolder): boolean =>
      this.#tools.autoComplete || configPath !== null || problem !== null;
    const models = [...(await this.#memory.scan())].filter(([, folder]) => isModel(folder));
    return new Map(models.map(([name, folder]) => [name, this.#sighting(folder)]));
  }

  async scanForStart(patient: boolean): Promise<StartScan> {
    const { seen, waiting } = await this.#whenSettled(() => this.scan(), patient ? mostPatienceMs : briefMs);
    if (patient) return { models: seen, waiting: new Map() };
    return { models: new Map([...seen].filter(([name]) => !waiting.has(name))), waiting };
  }

  async look(name: string, patient: boolean): Promise<Sighting> {
    const lookOnce = async (): Promise<ReadonlyMap<string, Sighting>> => {
      const folder = await scanModel(this.#settings.paths, name, this.#settings);
      if (folder === null) throw notFound(`no model repository of this server has a folder of that name`);
      return new Map([[name, this.#sighting(folder)]]);
    };
    const { seen } = await this.#whenSettled(lookOnce, patient ? mostPatienceMs : changingMs, patient);
    return seen.get(name) as Sighting;
  }

  async brought(name: string, { config, files }: LoadFiles): Promise<Sighting> {
    if (config === null) {
      throw invalidArgument("Load parameter 'config' must be specified for model file override");
    }
    const override: ConfigSource = { kind: 'json', text: config };
    if (files.size > 0) return this.#broughtFiles(name, override, files);
    const folder = await scanModel(this.#settings.paths, name, this.#settings);
    if (folder === null) throw notFound('there is no such folder');
    return this.#sighting(folder, override);
  }

  async #broughtFiles(name: string, override: ConfigSource, files: LoadFiles['files']): Promise<Sighting> {
    const temporary = await writeFileOverrides(name, files);
    const folder = await scanFolder(name, temporary.path, this.#settings);
    return {
      fingerprint: folder.fingerprint.whole,
      newestMs: folder.fingerprint.newestMs,
      configFingerprint: folder.fingerprint.config,
      override: null,
      isInRepository: false,
      discard: () => temporary.remove(),
      lacks: () => Promise.resolve([]),
      source: async () => {
        try {
          return await DiskSource.read(folder, override, this.#tools, () => temporary.remove());
        } catch (error) {
          await temporary.remove();
          throw error;
        }
      },
    };
  }

  #sighting(folder: ModelFolder, override: ConfigSource | null = null): Sighting {
    const { whole, newestMs, config } = folder.fingerprint;
    return {
      fingerprint: whole,
      newestMs,
      configFingerprint: config,
      override: override?.kind === 'json' ? String(override.text) : null,
      isInRepository: true,
      discard: () => Promise.resolve(),
      lacks: () => lacksOf(folder, this.#tools),
      source: () => DiskSource.read(folder, override, this.#tools),
    };
  }

  /**
   * Scans until every model has settled, or until `mostMs` have passed. Returns the models that still wait.
   *
   * @param minds whether a model waits for missing files, or only for files that change
   */
  async #whenSettled(
    look: () => Promise<ReadonlyMap<string, Sighting>>,
    mostMs: number,
    minds = true,
  ): Promise<{ seen: ReadonlyMap<string, Sighting>; waiting: ReadonlyMap<string, readonly string[]> }> {
    const { clock, logger } = this.#tools;
    const settling = new Settling(clock, startPatienceMs);
    const told = new Map<string, string>();
    const startMs = clock.now();
    let before: ReadonlyMap<string, Sighting> = new Map();
    for (;;) {
      const seen = await look();
      const passedMs = clock.now() - startMs;
      const waiting = new Map<string, readonly string[]>();
      for (const [name, sighting] of seen) {
        const isQuiet = settling.quietMs(name, sighting) > youngMs;
        const agrees = isQuiet || before.get(name)?.fingerprint === sighting.fingerprint;
        // A folder that never stops changing and lacks nothing has a file that is written to all the time.
        const mayChange = agrees || passedMs > changingMs;
        const lacks = minds && mayChange ? await settling.waitsFor(name, sighting) : mayChange ? null : stillWritten;
        if (lacks !== null) waiting.set(name, lacks);
      }
      if (waiting.size === 0 || passedMs >= mostMs) return { seen, waiting };
      for (const [model, lacks] of waiting) {
        const text = waitingText(lacks);
        if (lacks !== stillWritten && told.get(model) !== text) logger.info({ model }, text);
        told.set(model, text);
      }
      before = seen;
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#tools;
    return new Promise((resolve) => {
      clock.schedule(clock.now() + lookAgainMs, resolve);
    });
  }
}
