/**
 * Statistics in the protocol's form, with its field names and their order: the JSON answer
 * itself, and the object that becomes the gRPC message.
 */

import type { ModelStatistics, StatisticDuration } from '../../lifecycle/version-statistics.ts';

export interface ModelStatisticsMessage {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, StatisticDuration>>;
  /** By index of a response within its request; only models that answer several times would have any. */
  readonly response_stats: Readonly<Record<string, never>>;
  readonly batch_stats: readonly BatchStatisticsMessage[];
  readonly memory_usage: readonly MemoryUsageMessage[];
}

interface BatchStatisticsMessage {
  readonly batch_size: number;
  readonly compute_input: StatisticDuration;
  readonly compute_infer: StatisticDuration;
  readonly compute_output: StatisticDuration;
}

interface MemoryUsageMessage {
  readonly type: string;
  readonly id: number;
  readonly byte_size: number;
}

const never: StatisticDuration = { count: 0, ns: 0 };

export const statisticsMessage = (statistics: ModelStatistics): ModelStatisticsMessage => ({
  name: statistics.name,
  version: statistics.version,
  last_inference: statistics.lastInferenceMs,
  inference_count: statistics.inferenceCount,
  execution_count: statistics.executionCount,
  inference_stats: {
    success: statistics.success,
    fail: statistics.fail,
    queue: statistics.queue,
    compute_input: statistics.computeInput,
    compute_infer: statistics.computeInfer,
    compute_output: statistics.computeOutput,
    cache_hit: never,
    cache_miss: never,
  },
  response_stats: {},
  batch_stats: statistics.batches.map((batch) => ({
    batch_size: batch.batchSize,
    compute_input: batch.computeInput,
    compute_infer: batch.computeInfer,
    compute_output: batch.computeOutput,
  })),
  memory_usage: statistics.memoryUsage.map(({ type, id, byteSize }) => ({ type, id, byte_size: byteSize })),
});
