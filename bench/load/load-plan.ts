/** The plan of a load run, and its report. Plain values: they cross to the generator's process. */

import type { InferCase } from './infer-case.ts';

export type Protocol = 'http' | 'grpc';

export interface LoadPlan {
  readonly protocol: Protocol;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly connections: number;
  /**
   * Requests under way per connection: HTTP/2 streams, or pipelined HTTP/1.1 requests. In an open loop, at most so
   * many.
   */
  readonly outstanding: number;
  /**
   * Absent: a closed loop, in which every answer is followed by the next request. A number: an open loop, in which so
   * many requests a second are due at random moments, whether answers come or not, and latency counts from when one was
   * due.
   */
  readonly requestsPerSecond?: number;
  /** A number: a request every so many milliseconds, whether answers come or not. Costs the generator next to nothing. */
  readonly everyMs?: number;
  /** Asked in turn; several of them show whether answers reach the request they belong to. */
  readonly cases: readonly InferCase[];
  /** Every n-th answer is compared with its expected values; the status of every answer is looked at in any case. */
  readonly checkEvery: number;
  /** Relative, see `outputDifference`. */
  readonly tolerance: number;
  readonly warmUpMs: number;
  /** The window ends after this time or this many answers, whichever comes first. */
  readonly windowMs: number;
  readonly maxRequests: number;
  /** Whose CPU time to read at both ends of the window. */
  readonly measuredPid: number;
}

/** Figures of the window; the warm-up is not in them. */
export interface LoadResult {
  readonly succeeded: number;
  readonly failed: number;
  /** Answers compared with their expected values; a wrong one counts as failed. */
  readonly checked: number;
  readonly firstFailure: string | null;
  readonly seconds: number;
  /** User and system time of all threads of the measured process. */
  readonly serverCpuUs: number;
  /** The same of the one thread that used most. */
  readonly busiestThreadCpuUs: number;
  readonly generatorCpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/**
 * What our own generator reports beyond that: the whole distribution, so that several of them can be taken together.
 */
export interface OwnLoadResult extends LoadResult {
  /** See `LatencyHistogram`. */
  readonly latencyCounts: Float64Array;
}
