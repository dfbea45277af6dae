/** What model control needs to know of the repositories; `disk-view.ts` looks at folders, tests show what they like. */

import type { ModelSource } from './model-source.ts';

/** A model as a look at the repositories found it. */
export interface Sighting {
  /** Equal exactly when the files behind two sightings are the same. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch of the youngest file. */
  readonly newestMs: number;
  /** Of the configuration file alone; '' when there is none. */
  readonly configFingerprint: string;
  /** The configuration that a call brought for the files of the repository; null when the folder's own applies. */
  readonly override: string | null;
  /** False for a model made of files that a call brought: nothing in the repositories stands for it. */
  readonly isInRepository: boolean;
  /** What to serve; rejects when the model cannot be read, with the reason. */
  source(): Promise<ModelSource>;
  /** Frees what it holds, such as temporary files, when `source` is not called. */
  discard(): Promise<void>;
}

/** What a load call brings along (`LoadOptions` of the server). */
export interface LoadFiles {
  readonly config: string | null;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface RepositoryView {
  /** Names of all model folders, loaded or not. */
  names(): Promise<readonly string[]>;
  /** All models as they are now. */
  scan(): Promise<ReadonlyMap<string, Sighting>>;
  /** All models; looks again while young files are still changing, for a bounded time. */
  scanUntilStable(): Promise<ReadonlyMap<string, Sighting>>;
  /** One model, in the same way. Rejects `not_found` when no repository has it. */
  look(name: string): Promise<Sighting>;
  /** A model made of what a load call brings; rejects `invalid_argument` when that makes no model. */
  brought(name: string, files: LoadFiles): Promise<Sighting>;
}
