/**
 * The counts of one loaded model version, in the form of the statistics endpoint. `observability/`
 * does the counting; a reload starts from zero.
 */

import type { SchedulingObserver } from '../scheduling/scheduler.ts';

/** Count and total duration, in integer nanoseconds (exact up to 2^53 ns, 104 days of accumulated time). */
export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

export interface BatchStatistics {
  readonly batchSize: number;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
}

interface MemoryUsage {
  readonly type: 'CPU' | 'CPU_PINNED' | 'GPU';
  readonly id: number;
  readonly byteSize: number;
}

export interface ModelStatistics {
  readonly name: string;
  /** Decimal text. */
  readonly version: string;
  /** Milliseconds since the epoch of the latest batch; 0 before the first. */
  readonly lastInferenceMs: number;
  /** Rows run. */
  readonly inferenceCount: number;
  /** Batches run. */
  readonly executionCount: number;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  readonly queue: StatisticDuration;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
  /** Ascending by size. */
  readonly batches: readonly BatchStatistics[];
  readonly memoryUsage: readonly MemoryUsage[];
}

/** The counted version, and the labels of its metrics. */
export interface VersionIdentity {
  readonly model: string;
  readonly version: number;
  /** Extra metric labels, names already prefixed with `_`. */
  readonly metricTags: ReadonlyMap<string, string>;
  /** UUID of the GPU its instances run on; null on the CPU. */
  readonly gpuUuid: string | null;
  /** Histogram buckets by metric family where the model's configuration overrides them. */
  readonly histogramBuckets: ReadonlyMap<string, readonly number[]>;
}

/**
 * Counts for one loaded version: listens to its scheduler, answers snapshots, and is told when the version is unloaded.
 */
export interface VersionStatistics extends SchedulingObserver {
  snapshot(): ModelStatistics;
  /** Seconds from the first read of the model to ready. */
  loaded(seconds: number): void;
  /** The version is unloaded: its metric series disappear. */
  retire(): void;
}

/** Called when a version starts to load; its series exist from then on. */
export type StatisticsFactory = (identity: VersionIdentity) => VersionStatistics;
