/**
 * The versions and configuration that a model should serve, as a scan or a load call gave them, ready to be loaded.
 */

import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelVersion } from './model-version.ts';
import type { LoadVersion, ModelRef } from './servable.ts';

/** The difference between two sources of the same model. */
export interface SourceChange {
  /** Whether a version that already serves has to be loaded anew. */
  reloads(version: number): boolean;
  /** The versions that stay need another set of instances. */
  readonly adjustsInstances: boolean;
}

export interface ModelSource {
  /** The version numbers that the version policy selects, ascending. */
  readonly versions: readonly number[];
  /** The models that have to serve before a version is loaded. */
  readonly needs: readonly ModelRef[];
  loader(version: number): LoadVersion;
  /** The configuration that a version already loaded would get from this source. */
  configFor(version: ModelVersion): ModelConfig;
  changeSince(before: ModelSource): SourceChange;
  /** Frees resources of the source, such as a temporary folder; called once no version of it is loaded any more. */
  release(): Promise<void>;
}
