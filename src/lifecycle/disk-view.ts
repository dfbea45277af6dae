/** The model repositories on disk, as model control looks at them. */

import { InferenceError, invalidArgument, notFound, toInferenceError } from '../errors.ts';
import type { ConfigSource } from '../model-config/resolve-config.ts';
import { writeFileOverrides } from '../repository/file-overrides.ts';
import { listModelNames, type ModelFolder, scanFolder, scanModel, scanRepositories } from '../repository/layout.ts';
import { DiskSource } from './disk-source.ts';
import type { LoadFiles, RepositoryView, Sighting } from './repository-view.ts';
import type { LoaderTools } from './version-loader.ts';

/** A file younger than this may still be being written, so a single look does not count. */
const youngMs = 2000;

/** Between two looks at young files. */
const lookAgainMs = 100;

/** Looks at files that never stop changing, before the last one is taken as it is. */
const mostLooks = 50;

export interface DiskViewSettings {
  /** Absolute, at least one. */
  readonly paths: readonly string[];
  readonly configName: string | null;
}

export class DiskView implements RepositoryView {
  readonly #settings: DiskViewSettings;
  readonly #tools: LoaderTools;

  constructor(settings: DiskViewSettings, tools: LoaderTools) {
    this.#settings = settings;
    this.#tools = tools;
  }

  names(): Promise<readonly string[]> {
    return listModelNames(this.#settings.paths);
  }

  async scan(): Promise<ReadonlyMap<string, Sighting>> {
    const folders = await scanRepositories(this.#settings.paths, this.#settings);
    return new Map([...folders].map(([name, folder]) => [name, this.#sighting(folder)]));
  }

  scanUntilStable(): Promise<ReadonlyMap<string, Sighting>> {
    return this.#untilStable(
      () => this.scan(),
      (scan) => [...scan.values()],
    );
  }

  look(name: string): Promise<Sighting> {
    return this.#untilStable(
      async () => {
        const folder = await scanModel(this.#settings.paths, name, this.#settings);
        if (folder === null) throw notFound(`no model repository of this server has a folder of that name`);
        return this.#sighting(folder);
      },
      (sighting) => [sighting],
    );
  }

  async brought(name: string, brought: LoadFiles): Promise<Sighting> {
    try {
      return await this.#brought(name, brought);
    } catch (error) {
      const { code, message } = toInferenceError(error);
      // Triton's sentence, and then why.
      const text = `failed to load '${name}', failed to poll from model repository: ${message}`;
      throw new InferenceError(code, text, error);
    }
  }

  async #brought(name: string, { config, files }: LoadFiles): Promise<Sighting> {
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
      source: () => DiskSource.read(folder, override, this.#tools),
    };
  }

  /** Looks until two looks agree, or until one look shows no young files. */
  async #untilStable<T>(look: () => Promise<T>, sightings: (seen: T) => readonly Sighting[]): Promise<T> {
    const prints = (seen: T): string =>
      sightings(seen)
        .map(({ fingerprint }) => fingerprint)
        .join();
    let seen = await look();
    for (let looks = 1; looks < mostLooks; looks++) {
      const youngestMs = this.#tools.clock.wallMs() - Math.max(0, ...sightings(seen).map(({ newestMs }) => newestMs));
      if (youngestMs > youngMs) return seen;
      await this.#pause();
      const again = await look();
      if (prints(again) === prints(seen)) return again;
      seen = again;
    }
    return seen;
  }

  #pause(): Promise<void> {
    const { clock } = this.#tools;
    return new Promise((resolve) => {
      clock.schedule(clock.now() + lookAgainMs, resolve);
    });
  }
}
