/** The validated, frozen settings of a server: the result of the command line and the environment. */

import type { PluginLibrary } from '../engine/native-engine.ts';
import type { HistogramName } from '../model-config/rules/metric-families.ts';

export type ModelControlMode = 'none' | 'poll' | 'explicit';

/** Address null: the frontend is off (`--allow-http=false` …). Port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Parts of the protocol that may be restricted to callers who know a key, as Triton names them. */
export const restrictableApis = [
  'health',
  'metadata',
  'inference',
  'shared-memory',
  'model-config',
  'model-repository',
  'statistics',
  'trace',
  'logging',
] as const;

export type RestrictableApi = (typeof restrictableApis)[number];

/** These APIs are for requests that carry the header with exactly this value. */
export interface ApiRestriction {
  readonly apis: readonly RestrictableApi[];
  /** In lower case. */
  readonly header: string;
  readonly value: string;
}

export interface HttpConfig {
  readonly listen: ListenAddress | null;
  /** The implementation of HTTP/1.1 (docs/decisions/0011-http-1-parser.md). */
  readonly transport: 'nereid' | 'node';
  /**
   * Largest JSON body in bytes, raw or decompressed. Bodies with binary tensors are limited by `maxInflightBytes`
   * alone.
   */
  readonly maxInputBytes: number;
  /** Headers that become custom parameters, or null. */
  readonly headerForwardPattern: RegExp | null;
  /** `--http-restricted-api`; an API stands in one of them at most. */
  readonly restrictions: readonly ApiRestriction[];
}

export interface GrpcConfig {
  readonly listen: ListenAddress | null;
  /** The implementation of HTTP/2 (docs/decisions/0007-own-http2.md). */
  readonly transport: 'nereid' | 'grpc-js';
  readonly maxMessageBytes: number;
  readonly headerForwardPattern: RegExp | null;
  /** `--grpc-restricted-protocol`; an API stands in one of them at most. */
  readonly restrictions: readonly ApiRestriction[];
  readonly responseCompressionLevel: 'none' | 'low' | 'medium' | 'high';
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** 0 is unlimited. */
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
}

export interface MetricsConfig {
  readonly listen: ListenAddress | null;
  readonly intervalMs: number;
  readonly cpuMetrics: boolean;
  readonly gpuMetrics: boolean;
  /** nv_inference_*_duration_us; the counts are there in any case. */
  readonly counterLatencies: boolean;
  /** The histograms of latencies and batch sizes; false for none at all. */
  readonly histogramLatencies: boolean;
  /** The histograms of models whose configuration names none. */
  readonly histogramFamilies: readonly HistogramName[];
  /** Upper bounds of the histograms of durations, in order; null for their own. */
  readonly histogramBucketsUs: readonly number[] | null;
  /** nv_inference_*_summary_us */
  readonly summaryLatencies: boolean;
  /** Shares between 0 and 1; the allowed errors of Triton's flag are not needed here. */
  readonly summaryQuantiles: readonly number[];
}

export interface LogConfig {
  readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'auto' | 'json' | 'text';
  /** Path, or null for standard error. */
  readonly file: string | null;
}

/** Which inference requests are logged. */
export interface RequestLogConfig {
  /** Which requests have a log line when they have ended. */
  readonly requests: 'none' | 'failed' | 'all';
  /** Requests that take longer have a log line with the durations of their steps; 0 for none. */
  readonly slowRequestMs: number;
}

export interface RepositoryConfig {
  /** Absolute paths, at least one. */
  readonly paths: readonly string[];
  readonly controlMode: ModelControlMode;
  readonly pollIntervalMs: number;
  /** `--load-model`, explicit mode; `*` alone loads all. */
  readonly startupModels: readonly string[];
  readonly exitOnError: boolean;
  readonly strictReadiness: boolean;
  /** False with `--disable-auto-complete-config`. */
  readonly autoComplete: boolean;
  /** `--model-config-name`, or null. */
  readonly configName: string | null;
  readonly loadConcurrency: number;
  readonly loadRetryCount: number;
}

interface EngineSettings {
  /** `--onnxruntime-library`, or null to choose one by the environment and the machine. */
  readonly libraryPath: string | null;
  /** `--cuda-library-path`: absolute folders that are looked in first for CUDA's libraries. */
  readonly cudaLibraryPaths: readonly string[];
  /** `--execution-provider` */
  readonly plugins: readonly PluginLibrary[];
  /** max_batch_size that auto-complete gives a batching model. */
  readonly defaultMaxBatchSize: number;
  /** One intra-op pool for all sessions instead of one per session. */
  readonly globalThreadPool: boolean;
  readonly globalIntraOpThreads: number;
  readonly globalInterOpThreads: number;
}

interface LimitsConfig {
  /**
   * Memory of all requests and answers together, from the first received byte to the last sent one (`MemoryBudget`).
   */
  readonly maxInflightBytes: number;
  /** Waiting requests per model where its configuration sets no smaller limit. */
  readonly maxQueuedRequests: number;
  /** Batches that run at once on each device, over all models; 0 for no limit. */
  readonly maxConcurrentRuns: number;
}

export interface ServerConfig {
  /** `--id`: the name in the server metadata. */
  readonly id: string;
  readonly version: string;
  readonly exitTimeoutMs: number;
  /** Threads that run the HTTP and gRPC frontends; 1 is the main thread itself. */
  readonly frontendThreads: number;
  readonly repository: RepositoryConfig;
  readonly engine: EngineSettings;
  readonly limits: LimitsConfig;
  readonly http: HttpConfig;
  readonly grpc: GrpcConfig;
  readonly metrics: MetricsConfig;
  readonly log: LogConfig;
  readonly requestLog: RequestLogConfig;
  /** Flags that were accepted and have no effect, each with its reason; logged once at start. */
  readonly ignoredFlags: readonly string[];
}
