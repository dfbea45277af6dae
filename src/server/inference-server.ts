/**
 * The two planes of the server as frontends see them: inference (data plane), and loading and state of models (control
 * plane). Plain data in and out. Every method is asynchronous, because the server may be in another thread
 * (`threads/link/server.ts`).
 */

import type { Infer } from '../inference/infer.ts';
import type { ModelIndexEntry } from '../lifecycle/model-index.ts';
import type { ModelStatistics } from '../lifecycle/version-statistics.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import type { Datatype } from '../tensor/datatype.ts';
import type { Shape } from '../tensor/shape.ts';

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: Datatype;
  /** With a leading -1 when the model batches. */
  readonly shape: Shape;
}

export interface ModelMetadata {
  readonly name: string;
  /** The requested version, or every ready one, ascending, as decimal text. */
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export interface LoadOptions {
  /** A ModelConfig as JSON text, used in place of config.pbtxt; null to read the file. */
  readonly config: string | null;
  /** Files by path relative to the model's folder (`1/model.onnx`); when not empty they are the whole model. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Every method that takes a model name fails with `not_found` or `unavailable` as in Triton. */
export interface InferenceServer {
  readonly infer: Infer;

  /** Rejects as `infer` would for that name and version; used before the rest of a request is known. */
  findModel(name: string, version: string): Promise<void>;

  isLive(): Promise<boolean>;
  isReady(): Promise<boolean>;
  /**
   * False when no such version serves, whether it is known or not; `invalid_argument` for text that is no version.
   * `version` '' asks for any.
   */
  isModelReady(name: string, version: string): Promise<boolean>;

  serverMetadata(): Promise<ServerMetadata>;
  modelMetadata(name: string, version: string): Promise<ModelMetadata>;
  /** The effective configuration: a ModelConfig message with proto field names, only set fields present. */
  modelConfig(name: string, version: string): Promise<ConfigMessage>;
  /** Of one model; `version` '' for all ready ones. `invalid_argument` for unknown ones. */
  modelStatistics(name: string, version: string): Promise<readonly ModelStatistics[]>;
  /**
   * Names of all models with a ready version, sorted. There may be very many: their statistics are asked for a page at a
   * time. `version` is only checked.
   */
  readyNames(version: string): Promise<readonly string[]>;
  /** Of all ready versions of these models, read in one moment; models that have none any more are left out. */
  statisticsOf(names: readonly string[]): Promise<readonly ModelStatistics[]>;

  /** Names of all models in the index, sorted; asked for a page at a time as well. */
  indexNames(): Promise<readonly string[]>;
  /** The entries of these models, read in one moment. */
  indexOf(names: readonly string[], readyOnly: boolean): Promise<readonly ModelIndexEntry[]>;
  /** Resolves when the model serves; rejects with the reason why it does not. */
  loadModel(name: string, options: LoadOptions): Promise<void>;
  /**
   * Resolves when no new request is accepted; accepted requests are finished in the background. `unloadDependents`
   * (Triton's name) also unloads the models that this one needs, if they were loaded only for it.
   */
  unloadModel(name: string, options: { readonly unloadDependents: boolean }): Promise<void>;
}
