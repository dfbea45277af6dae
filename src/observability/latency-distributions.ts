/**
 * The distributions beside a version's counters: the phases that have one, their names, and how a request is counted.
 */

import type { HistogramFamily } from '../model-config/rules/metric-families.ts';
import type { BatchDurations } from '../scheduling/scheduler.ts';
import { batchSizeBucketsRows, firstResponseBucketsMs, Histogram, latencyBucketsUs } from './histogram.ts';
import { LatencyWindow } from './latency-window.ts';

/** The phases of a request, each with a histogram and a summary. */
interface Phases<T> {
  readonly request: T;
  readonly queue: T;
  readonly computeInput: T;
  readonly computeInfer: T;
  readonly computeOutput: T;
}

/** Durations are observed in nanoseconds. */
export interface Histograms extends Phases<Histogram> {
  /** The whole answer is the first response: models answer once. */
  readonly firstResponse: Histogram;
  /** Rows of every batch that was run, failed ones included. */
  readonly batchSize: Histogram;
}

export type Windows = Phases<LatencyWindow>;

/** Which distributions are kept. */
export interface CountingOptions {
  readonly histograms: boolean;
  readonly summaries: boolean;
}

/** Names of the metric families, by which a model's configuration overrides their buckets. */
export const histogramNames = {
  request: 'nv_inference_request_duration_histogram_us',
  queue: 'nv_inference_queue_duration_histogram_us',
  computeInput: 'nv_inference_compute_input_duration_histogram_us',
  computeInfer: 'nv_inference_compute_infer_duration_histogram_us',
  computeOutput: 'nv_inference_compute_output_duration_histogram_us',
  firstResponse: 'nv_inference_first_response_histogram_ms',
  batchSize: 'nereid_batch_size',
} as const satisfies Record<keyof Histograms, HistogramFamily>;

export function histogramsOf(overrides: ReadonlyMap<string, readonly number[]>): Histograms {
  const make = (name: string, bounds: readonly number[], unitsPerStep: number): Histogram =>
    new Histogram(overrides.get(name) ?? bounds, unitsPerStep);
  return {
    request: make(histogramNames.request, latencyBucketsUs, 1_000),
    queue: make(histogramNames.queue, latencyBucketsUs, 1_000),
    computeInput: make(histogramNames.computeInput, latencyBucketsUs, 1_000),
    computeInfer: make(histogramNames.computeInfer, latencyBucketsUs, 1_000),
    computeOutput: make(histogramNames.computeOutput, latencyBucketsUs, 1_000),
    firstResponse: make(histogramNames.firstResponse, firstResponseBucketsMs, 1_000_000),
    batchSize: make(histogramNames.batchSize, batchSizeBucketsRows, 1),
  };
}

export const windowsAt = (nowMs: number): Windows => ({
  request: new LatencyWindow(nowMs),
  queue: new LatencyWindow(nowMs),
  computeInput: new LatencyWindow(nowMs),
  computeInfer: new LatencyWindow(nowMs),
  computeOutput: new LatencyWindow(nowMs),
});

export function observeHistograms(to: Histograms, totalNs: number, queueNs: number, batch: BatchDurations): void {
  to.request.observe(totalNs);
  to.firstResponse.observe(totalNs);
  to.queue.observe(queueNs);
  to.computeInput.observe(batch.computeInputNs);
  to.computeInfer.observe(batch.computeInferNs);
  to.computeOutput.observe(batch.computeOutputNs);
}

export function observeWindows(
  to: Windows,
  totalNs: number,
  queueNs: number,
  batch: BatchDurations,
  nowMs: number,
): void {
  to.request.observe(totalNs, nowMs);
  to.queue.observe(queueNs, nowMs);
  to.computeInput.observe(batch.computeInputNs, nowMs);
  to.computeInfer.observe(batch.computeInferNs, nowMs);
  to.computeOutput.observe(batch.computeOutputNs, nowMs);
}
