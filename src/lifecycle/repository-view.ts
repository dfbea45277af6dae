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
  /** False for a model made of files that a call brought: the repositories have no folder for it. */
  readonly isInRepository: boolean;
  /** Missing or incomplete files, one phrase each; empty when nothing visible keeps the model from being loaded. */
  lacks(): Promise<readonly string[]>;
  /** The versions to serve; rejects with the reason when the model cannot be read. */
  source(): Promise<ModelSource>;
  /** Frees its resources, such as temporary files, when `source` is not called. */
  discard(): Promise<void>;
}

/** Configuration and files in a load call (`LoadOptions` of the server). */
export interface LoadFiles {
  readonly config: string | null;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The result of the scans at start-up. */
export interface StartScan {
  /** To be loaded now. */
  readonly models: ReadonlyMap<string, Sighting>;
  /** Models that wait, each with its missing files. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
}

export interface RepositoryView {
  /** Logs suspicious facts about the repositories as a whole; once, before anything is loaded. Never rejects. */
  survey(): Promise<void>;
  /** Names of all model folders, loaded or not. */
  names(): Promise<readonly string[]>;
  /** All models as they are now. */
  scan(): Promise<ReadonlyMap<string, Sighting>>;
  /**
   * All models, for a start: scans again while files are still being copied. `patient` waits a minute for models that
   * lack something and then gives them as they are; otherwise they are given as waiting, for the poll to take up.
   */
  scanForStart(patient: boolean): Promise<StartScan>;
  /**
   * One model; scans again while its files are changing. `patient` also waits for missing files, for at most a minute.
   * Rejects `not_found` when no repository has it.
   */
  look(name: string, patient: boolean): Promise<Sighting>;
  /** A model made of the files of a load call; rejects `invalid_argument` when they do not make a model. */
  brought(name: string, files: LoadFiles): Promise<Sighting>;
}
