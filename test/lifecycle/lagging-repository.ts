/**
 * Repositories whose every step waits for the test: looking, reading, opening, warming up, changing instances, draining. What
 * was opened and what is held can be counted.
 */

import { type InferenceError, internal, invalidArgument, notFound } from '../../src/errors.ts';
import { unlessAborted } from '../../src/lifecycle/abortable.ts';
import type { ModelSource, SourceChange } from '../../src/lifecycle/model-source.ts';
import type { LoadFiles, RepositoryView, Sighting, StartScan } from '../../src/lifecycle/repository-view.ts';
import type { LoadVersion, ModelRef, Servable, ServingVersion } from '../../src/lifecycle/servable.ts';
import type { ModelConfig } from '../../src/model-config/model-config.ts';
import { countingNothing } from './fake-source.ts';

/** Where loading what is there fails. */
export type Fault = 'read' | 'open' | 'warm' | 'resize' | null;

/** What a folder, or a call, says a model is. */
export interface Content {
  /** Unlike that of any other content. */
  readonly id: string;
  /** Contents of one base differ in their instances only. */
  readonly base: string;
  readonly versions: readonly number[];
  readonly fault: Fault;
  /** The model that it needs; null for none. */
  readonly target: string | null;
}

/** Things that wait until the test lets them go on. */
export class Gates {
  readonly #waiting: (() => void)[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  open(nth: number): void {
    this.#waiting.splice(nth % Math.max(1, this.#waiting.length), 1)[0]?.();
  }
}

/** What must be back at its start when everything is over. */
export class Holdings {
  sources = 0;
  versions = 0;
  changes = 0;
  sightings = 0;
}

const fail = (): InferenceError => invalidArgument('as the test wants');

class LaggingSource implements ModelSource {
  readonly versions: readonly number[];
  readonly needs: readonly ModelRef[];
  readonly content: Content;
  readonly #gates: Gates;
  readonly #held: Holdings;
  #isReleased = false;

  constructor(content: Content, gates: Gates, held: Holdings) {
    this.content = content;
    this.versions = content.versions;
    this.needs = content.target === null ? [] : [{ model: content.target, version: null }];
    this.#gates = gates;
    this.#held = held;
    held.sources++;
  }

  loader(): LoadVersion {
    return async (warming, signal, needed) => {
      await unlessAborted(this.#gates.wait(), signal);
      if (this.content.fault === 'open') throw fail();
      this.#held.versions++;
      try {
        warming();
        await unlessAborted(this.#gates.wait(), signal);
        if (this.content.fault === 'warm') throw fail();
      } catch (error) {
        this.#held.versions--;
        throw error;
      }
      return this.#loaded(this.content, needed);
    };
  }

  configFor(): ModelConfig {
    return configOf(this.content);
  }

  changeSince(before: ModelSource): SourceChange {
    const old = (before as LaggingSource).content;
    return { reloads: () => old.base !== this.content.base, adjustsInstances: old.id !== this.content.id };
  }

  async release(): Promise<void> {
    if (this.#isReleased) throw internal('a source was released twice');
    this.#isReleased = true;
    this.#held.sources--;
  }

  #loaded(content: Content, needed: readonly ServingVersion[]): Servable {
    const gates = this.#gates;
    const held = this.#held;
    let isClosed = false;
    return {
      scheduler: {
        schedule: () => undefined,
        pendingCount: 0,
        drain: () => gates.wait(),
        abort: () => undefined,
      },
      entry: {} as Servable['entry'],
      statistics: countingNothing,
      signature: {} as Servable['signature'],
      admission: {} as Servable['admission'],
      config: configOf(content, needed),
      resize: async (config, signal) => {
        await unlessAborted(gates.wait(), signal);
        const next = contentOf(config);
        if (next.fault === 'resize') throw fail();
        held.changes++;
        return {
          commit: () => {
            held.changes--;
            return this.#loaded(next, needed);
          },
          undo: async () => {
            held.changes--;
          },
        };
      },
      close: async () => {
        if (isClosed) throw internal('a version was closed twice');
        isClosed = true;
        held.versions--;
      },
    };
  }
}

const configOf = (content: Content, needed: readonly ServingVersion[] = []): ModelConfig =>
  ({ message: { content: content.id }, content, needed }) as never;
/** The versions of other models that a version was loaded with. */
export const neededOf = (config: ModelConfig): readonly ServingVersion[] =>
  (config as unknown as { needed: readonly ServingVersion[] }).needed;
export const contentOf = (config: ModelConfig): Content => (config as unknown as { content: Content }).content;

export class LaggingRepository implements RepositoryView {
  readonly gates = new Gates();
  readonly held = new Holdings();
  /** What the folders hold now, by model. */
  readonly folders = new Map<string, Content>();
  /** What the next call brings. */
  broughtContent: Content | null = null;

  async names(): Promise<readonly string[]> {
    return [...this.folders.keys()];
  }

  async scan(): Promise<ReadonlyMap<string, Sighting>> {
    return new Map([...this.folders].map(([name, content]) => [name, this.#sighting(content, true)]));
  }

  survey(): Promise<void> {
    return Promise.resolve();
  }

  async scanForStart(): Promise<StartScan> {
    return { models: await this.scan(), waiting: new Map() };
  }

  async look(name: string): Promise<Sighting> {
    await this.gates.wait();
    const content = this.folders.get(name);
    if (!content) throw notFound('no such folder');
    return this.#sighting(content, true);
  }

  async brought(_name: string, files: LoadFiles): Promise<Sighting> {
    await this.gates.wait();
    const content = JSON.parse(files.config ?? '') as Content;
    this.held.sightings++;
    return this.#sighting(content, false);
  }

  #sighting(content: Content, isInRepository: boolean): Sighting {
    return {
      fingerprint: content.id,
      // As old as the clock of a test, so that only what passes on it counts.
      newestMs: Number.MAX_SAFE_INTEGER,
      configFingerprint: content.id,
      override: null,
      isInRepository,
      lacks: () => Promise.resolve([]),
      source: async () => {
        if (!isInRepository) this.held.sightings--;
        await this.gates.wait();
        if (content.fault === 'read') throw fail();
        return new LaggingSource(content, this.gates, this.held);
      },
      discard: async () => {
        if (!isInRepository) this.held.sightings--;
      },
    };
  }
}
