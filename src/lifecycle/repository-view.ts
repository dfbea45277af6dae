/**
 * The interface through which model control sees the repositories; `disk-view.ts` scans folders, tests bring their own.
 */

import type { ModelSource } from './model-source.ts';

/** A model as a scan of the repositories found it. */
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
  /** What is missing or half there, one phrase each; empty when the model can be loaded as far as one can see. */
  lacks(): Promise<readonly string[]>;
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

/** What a start has found. */
export interface StartScan {
  /** To be loaded now. */
  readonly models: ReadonlyMap<string, Sighting>;
  /** Models that wait, with what they wait for. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
}

export interface RepositoryView {
  /** Tells the log what is odd about the repositories as a whole; once, before anything is loaded. Never rejects. */
  survey(): Promise<void>;
  /** Names of all model folders, loaded or not. */
  names(): Promise<readonly string[]>;
  /** All models as they are now. */
  scan(): Promise<ReadonlyMap<string, Sighting>>;
  /**
   * All models, for a start: scans again while files are still being copied. `patient` waits a minute for models that lack
   * something and then gives them as they are; otherwise they are given as waiting, for the poll to take up.
   */
  scanForStart(patient: boolean): Promise<StartScan>;
  /**
   * One model; scans again while its files are changing. `patient` also waits for missing files, for at most a minute.
   * Rejects `not_found` when no repository has it.
   */
  look(name: string, patient: boolean): Promise<Sighting>;
  /** A model made of what a load call brings; rejects `invalid_argument` when that makes no model. */
  brought(name: string, files: LoadFiles): Promise<Sighting>;
}
