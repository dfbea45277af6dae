/**
 * Scans all repositories and remembers what each contained. A repository that had folders and is now missing or empty –
 * an unmounted volume, a failed synchronisation – is reported as it was before, because an accident must not take
 * models out of service. Its scans count again when they find folders.
 */

import { basename, dirname, normalize } from 'node:path';
import type { Logger } from '../logger.ts';
import { quoted } from '../shown-text.ts';
import type { ReadFacts } from './file-facts.ts';
import { listModelNames, type ModelFolder, passedOverText, type ScanOptions, scanRepositories } from './layout.ts';
import { RememberedModels } from './remembered-models.ts';

export class RepositoryMemory {
  readonly #repositories: readonly string[];
  readonly #options: ScanOptions;
  readonly #logger: Logger;
  /** The models of the last scan. */
  #folders: ReadonlyMap<string, ModelFolder> = new Map();
  readonly #models: RememberedModels;
  /** Repositories that held folders at some time. */
  readonly #known = new Set<string>();
  readonly #vanished = new Set<string>();
  /** Folders without a model that were logged. */
  readonly #passedOver = new Set<string>();

  /** @param repositories absolute, at least one */
  constructor(repositories: readonly string[], options: ScanOptions, logger: Logger, readFacts: ReadFacts) {
    this.#models = RememberedModels.reading(readFacts);
    this.#repositories = repositories.map((path) => normalize(`${path}/.`).replace(/(.)\/+$/, '$1'));
    this.#options = options;
    this.#logger = logger;
  }

  /**
   * All models by name. @throws InferenceError unavailable when a repository cannot be read that never held anything
   */
  async scan(): Promise<ReadonlyMap<string, ModelFolder>> {
    const present = await this.#present();
    const found = await this.#models.scan((scanOne) => scanRepositories(present, this.#options, scanOne));
    const folders = new Map<string, ModelFolder>();
    for (const [name, folder] of found) {
      if (folder.holdsModel) folders.set(name, folder);
      else this.#passOver(name);
    }
    for (const [name, folder] of this.#remembered()) if (!folders.has(name)) folders.set(name, folder);
    this.#folders = folders;
    return folders;
  }

  /** Names of all folders, sorted; errors as of `scan`. */
  async names(): Promise<readonly string[]> {
    const names = await listModelNames(await this.#present());
    return [...new Set([...names, ...this.#remembered().keys()])].sort();
  }

  #remembered(): ReadonlyMap<string, ModelFolder> {
    if (this.#vanished.size === 0) return new Map();
    return new Map([...this.#folders].filter(([, { path }]) => this.#vanished.has(dirname(path))));
  }

  async #present(): Promise<readonly string[]> {
    const present: string[] = [];
    for (const repository of this.#repositories) if (await this.#isPresent(repository)) present.push(repository);
    return present;
  }

  async #isPresent(repository: string): Promise<boolean> {
    let problem = 'is empty';
    try {
      const names = await listModelNames([repository]);
      if (names.length > 0) {
        this.#known.add(repository);
        if (this.#vanished.delete(repository)) {
          this.#logger.info({}, `model repository ${quoted(basename(repository))} has folders again`);
        }
        return true;
      }
      if (!this.#known.has(repository)) return true;
    } catch (error) {
      if (!this.#known.has(repository)) throw error;
      problem = error instanceof Error ? error.message : String(error);
    }
    if (!this.#vanished.has(repository)) {
      this.#vanished.add(repository);
      this.#logger.error(
        {},
        `model repository ${quoted(basename(repository))} held models and has no folder now (${problem}): taken for an accident, its models go on serving until folders are seen there again`,
      );
    }
    return false;
  }

  #passOver(name: string): void {
    if (this.#passedOver.has(name)) return;
    this.#passedOver.add(name);
    this.#logger.warn({}, passedOverText(name));
  }
}
