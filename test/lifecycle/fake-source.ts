/** Sources and loaded versions that a test completes by hand. */

import { type InferenceError, internal } from '../../src/errors.ts';
import { unlessAborted } from '../../src/lifecycle/abortable.ts';
import type { ModelSource, SourceChange } from '../../src/lifecycle/model-source.ts';
import type { ModelVersion } from '../../src/lifecycle/model-version.ts';
import type { LoadVersion, ModelRef, Servable, ServingVersion } from '../../src/lifecycle/servable.ts';
import type { VersionStatistics } from '../../src/lifecycle/version-statistics.ts';
import type { ModelConfig } from '../../src/model-config/model-config.ts';
import type { Scheduler } from '../../src/scheduling/scheduler.ts';

const ignore = (): void => undefined;

export const countingNothing: VersionStatistics = {
  requestQueued: ignore,
  requestSucceeded: ignore,
  requestFailed: ignore,
  batchExecuted: ignore,
  snapshot: () => {
    throw new Error('not asked in these tests');
  },
  loaded: ignore,
  retire: ignore,
};

/** A version whose scheduler drains when the test says so. */
export class FakeLoaded {
  isClosed = false;
  isDraining = false;
  aborted: InferenceError | null = null;
  adjustedTo: ModelConfig | null = null;
  undoCount = 0;
  finishDrain: () => void = ignore;
  readonly #drained: Promise<void>;
  #resizeFailure: InferenceError | null = null;

  constructor() {
    this.#drained = new Promise((resolve) => {
      this.finishDrain = resolve;
    });
  }

  /** From now on no other instances can be made ready. */
  failResize(error: InferenceError): void {
    this.#resizeFailure = error;
  }

  get parts(): Servable {
    const scheduler: Scheduler = {
      schedule: (_request, _context, sink) => sink.fail(internal('not asked in these tests')),
      pendingCount: 0,
      drain: () => {
        this.isDraining = true;
        return this.#drained;
      },
      abort: (error) => {
        this.aborted = error;
      },
    };
    return {
      scheduler,
      entry: scheduler,
      statistics: countingNothing,
      signature: {} as Servable['signature'],
      admission: {} as Servable['admission'],
      config: {} as ModelConfig,
      resize: async (config) => {
        if (this.#resizeFailure) throw this.#resizeFailure;
        return {
          commit: () => {
            this.adjustedTo = config;
            return this.parts;
          },
          undo: async () => {
            this.undoCount++;
          },
        };
      },
      close: async () => {
        this.isClosed = true;
      },
    };
  }
}

interface FakeSourceOptions {
  /** Versions that fail to load, with their error. */
  readonly failing?: ReadonlyMap<number, Error>;
  /** Versions whose files differ from any source before. */
  readonly changed?: readonly number[];
  readonly adjustsInstances?: boolean;
  readonly needs?: readonly ModelRef[];
  /** When set, loading waits until `continueLoading` is called. */
  readonly holds?: boolean;
}

export class FakeSource implements ModelSource {
  readonly versions: readonly number[];
  readonly needs: readonly ModelRef[];
  /** What the latest version that was loaded holds. */
  needed: readonly ServingVersion[] = [];
  readonly loaded = new Map<number, FakeLoaded>();
  readonly config = { name: 'm' } as ModelConfig;
  loadCount = 0;
  isReleased = false;
  continueLoading: () => void = ignore;
  readonly #options: FakeSourceOptions;
  readonly #gate: Promise<void>;

  constructor(versions: readonly number[], options: FakeSourceOptions = {}) {
    this.versions = versions;
    this.needs = options.needs ?? [];
    this.#options = options;
    this.#gate = options.holds
      ? new Promise((resolve) => {
          this.continueLoading = resolve;
        })
      : Promise.resolve();
  }

  loader(version: number): LoadVersion {
    return async (warming, signal, needed) => {
      this.loadCount++;
      this.needed = needed;
      await unlessAborted(this.#gate, signal);
      const failure = this.#options.failing?.get(version);
      if (failure) throw failure;
      warming();
      const loaded = new FakeLoaded();
      this.loaded.set(version, loaded);
      return loaded.parts;
    };
  }

  configFor(_version: ModelVersion): ModelConfig {
    return this.config;
  }

  changeSince(): SourceChange {
    return {
      reloads: (version) => this.#options.changed?.includes(version) ?? false,
      adjustsInstances: this.#options.adjustsInstances ?? false,
    };
  }

  async release(): Promise<void> {
    this.isReleased = true;
  }
}
