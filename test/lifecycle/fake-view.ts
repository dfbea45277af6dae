/** Repositories that a test fills by hand. */

import { notFound } from '../../src/errors.ts';
import type { LoadFiles, RepositoryView, Sighting, StartScan } from '../../src/lifecycle/repository-view.ts';
import { FakeSource } from './fake-source.ts';

export class FakeView implements RepositoryView {
  /** What the folders hold now, by model name. */
  readonly models = new Map<string, Sighting>();
  broughtFiles: LoadFiles | null = null;
  /** What was read of files that calls brought. */
  readonly broughtSources: FakeSource[] = [];
  /** Configurations that were brought for the files of the repository. */
  readonly overrides: string[] = [];
  /** What every scan fails with. */
  failure: Error | null = null;
  scanCount = 0;
  surveyCount = 0;
  /** What models wait for at start. */
  readonly waiting = new Map<string, readonly string[]>();

  /** Puts a model in place; its source is `source` until it is put again. */
  put(
    name: string,
    fingerprint: string,
    source: () => Promise<FakeSource> = async () => new FakeSource([1]),
    lacks: readonly string[] = [],
    configFingerprint = '',
  ): void {
    // As old as the clock of a test, so that only what passes on it counts.
    const newestMs = Number.MAX_SAFE_INTEGER;
    const seen = { ...sighting(fingerprint, source), newestMs, configFingerprint };
    this.models.set(name, { ...seen, lacks: () => Promise.resolve(lacks) });
  }

  async names(): Promise<readonly string[]> {
    if (this.failure) throw this.failure;
    return [...this.models.keys()];
  }

  async scan(): Promise<ReadonlyMap<string, Sighting>> {
    this.scanCount++;
    if (this.failure) throw this.failure;
    return new Map(this.models);
  }

  async survey(): Promise<void> {
    this.surveyCount++;
  }

  async scanForStart(): Promise<StartScan> {
    const models = await this.scan();
    return { models: new Map([...models].filter(([name]) => !this.waiting.has(name))), waiting: this.waiting };
  }

  async look(name: string): Promise<Sighting> {
    const sighting = this.models.get(name);
    if (!sighting) throw notFound(`there is no folder '${name}' in the model repository`);
    return sighting;
  }

  async brought(name: string, files: LoadFiles): Promise<Sighting> {
    this.broughtFiles = files;
    const { config } = files;
    if (config !== null && files.files.size === 0) {
      this.overrides.push(config);
      return { ...(await this.look(name)), override: config };
    }
    const source = async (): Promise<FakeSource> => {
      const read = new FakeSource([9]);
      this.broughtSources.push(read);
      return read;
    };
    return { ...sighting('brought', source), isInRepository: false };
  }
}

/** What a look finds in a repository. */
export const sighting = (fingerprint: string, source: () => Promise<FakeSource>): Sighting => ({
  fingerprint,
  newestMs: 0,
  configFingerprint: '',
  override: null,
  isInRepository: true,
  source,
  lacks: () => Promise.resolve([]),
  discard: () => Promise.resolve(),
});
