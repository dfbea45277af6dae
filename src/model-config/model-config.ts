/**
 * The validated, frozen settings of a model: our own names with units, every default filled in. It comes from
 * `config.pbtxt` or JSON, completed from the model file (`effective/complete-config.ts`) and checked
 * (`rules/check-config.ts`). `message` is the same in the protocol's form, for the config endpoints.
 */

import type { Datatype } from '../tensor/datatype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { ConfigMessage } from './schema/config-message.ts';

export type VersionPolicy =
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly number[] };

export interface TensorConfig {
  readonly name: string;
  readonly datatype: Datatype;
  /**
   * As the protocol shows it, without the batch dimension when `maxBatchSize` >= 1; -1 is variable. Empty only where
   * the model's rank is unknown: then every shape fits.
   */
  readonly dims: Shape;
  /**
   * Null, or the shape that the model gets in place of `dims` (also without the batch dimension); `[]` is a scalar
   * or, when the model batches, one element per row.
   */
  readonly reshape: Shape | null;
}

export interface InputConfig extends TensorConfig {
  /** May be left out of a request. */
  readonly isOptional: boolean;
  /** Requests of different shapes may share a batch: flattened and concatenated. */
  readonly allowRaggedBatch: boolean;
}

export interface OutputConfig extends TensorConfig {
  /** Path relative to the model's folder, '' when there is none. */
  readonly labelFilename: string;
}

export interface InstanceGroupConfig {
  readonly name: string;
  /** Instances per device, >= 1. */
  readonly count: number;
  readonly kind: 'cpu' | 'gpu';
  /** GPU ordinals; empty for the CPU. */
  readonly gpus: readonly number[];
  /** True when the configuration names KIND_GPU: no fallback to the CPU. */
  readonly isDemanded: boolean;
  /** Gets no requests. */
  readonly isPassive: boolean;
}

export interface QueuePolicy {
  readonly timeoutAction: 'reject' | 'delay';
  /** 0 is none. */
  readonly defaultTimeoutUs: number;
  readonly allowTimeoutOverride: boolean;
  /** 0 is unlimited by the configuration (the server's own bound on waiting requests still holds). */
  readonly maxQueueSize: number;
}

export interface DynamicBatchingConfig {
  /**
   * Ascending, each in 1…maxBatchSize; `[maxBatchSize]` when the configuration names none, `[1]` for max_batch_size 0.
   */
  readonly preferredBatchSizes: readonly number[];
  /** May be a fraction of a millisecond; an hour at most. */
  readonly maxQueueDelayUs: number;
  readonly preserveOrdering: boolean;
  /** 0 is one queue without levels. */
  readonly priorityLevels: number;
  readonly defaultPriorityLevel: number;
  readonly defaultQueuePolicy: QueuePolicy;
  readonly priorityQueuePolicies: ReadonlyMap<number, QueuePolicy>;
}

export interface WarmupInput {
  readonly datatype: Datatype;
  /** Without the batch dimension; all extents concrete. */
  readonly dims: Shape;
  /** `file` is a path below the model's `warmup` folder. */
  readonly source:
    | { readonly kind: 'zero' }
    | { readonly kind: 'random' }
    | { readonly kind: 'file'; readonly file: string };
}

export interface WarmupSample {
  readonly name: string;
  /** Rows of the batch; 0 skips the sample. */
  readonly batchSize: number;
  /** Repetitions, >= 1. */
  readonly count: number;
  readonly inputs: ReadonlyMap<string, WarmupInput>;
}

/** The options for the engine, from `optimization`, `parameters` and `model_operations`. */
export interface EngineConfig {
  /** 0 lets the engine divide the cores. */
  readonly intraOpThreads: number;
  readonly interOpThreads: number;
  readonly executionMode: 'sequential' | 'parallel';
  readonly graphOptimizationLevel: 0 | 1 | 2 | 99;
  readonly enableMemoryArena: boolean;
  readonly enableMemoryPattern: boolean;
  readonly sessionEntries: ReadonlyMap<string, string>;
  readonly runEntries: ReadonlyMap<string, string>;
  readonly cudaOptions: ReadonlyMap<string, string>;
  /** Null unless the `tensorrt` accelerator is configured. */
  readonly tensorrtOptions: ReadonlyMap<string, string> | null;
  /** The execution provider of `--execution-provider` that is asked for, and its parameters; null for none. */
  readonly plugin: { readonly name: string; readonly options: ReadonlyMap<string, string> } | null;
  /** Rows of the batches that are replayed as CUDA graphs, ascending; empty for none. */
  readonly graphRows: readonly number[];
  /** Relative to the model's folder, which they do not leave. */
  readonly customOpLibraries: readonly string[];
}

/** The decision whether a model batches, and its reason. */
export interface BatchingDecision {
  /** `max_batch_size` was filled in with the server's default. */
  readonly isImplied: boolean;
  /** Why it does not batch, a sentence about the model; '' when it does. */
  readonly reason: string;
  /** Whether `max_batch_size` in the configuration would make it batch. */
  readonly isCurable: boolean;
  /** Why requests do not share a batch although the model batches, a sentence about the model; '' when they may. */
  readonly aloneReason: string;
}

export interface ModelConfig {
  readonly name: string;
  /** 0: requests carry full shapes and run alone. >= 1: dimension 0 is the batch, of at most this many rows. */
  readonly maxBatchSize: number;
  readonly batching: BatchingDecision;
  readonly inputs: readonly InputConfig[];
  readonly outputs: readonly OutputConfig[];
  readonly versionPolicy: VersionPolicy;
  readonly instanceGroups: readonly InstanceGroupConfig[];
  /** File (or folder with `model.onnx`) in the version's folder. */
  readonly defaultModelFilename: string;
  /** File name by compute capability ("9.0"). */
  readonly ccModelFilenames: ReadonlyMap<string, string>;
  /** Labels added to the model's metrics, names already prefixed with `_`. */
  readonly metricTags: ReadonlyMap<string, string>;
  /** Null: requests are run one at a time, in order of arrival. */
  readonly dynamicBatching: DynamicBatchingConfig | null;
  readonly warmup: readonly WarmupSample[];
  readonly engine: EngineConfig;
  /** `parameters` as written, for the endpoint and for embedding programs. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Histogram buckets by metric family (`model_metrics`). */
  readonly histogramBuckets: ReadonlyMap<string, readonly number[]>;
  /** The complete, effective configuration as a ModelConfig message. */
  readonly message: ConfigMessage;
  /** Fields that were accepted but have no effect here, each with its reason; logged once at load. */
  readonly ignoredFields: readonly string[];
}
