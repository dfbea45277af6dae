/**
 * The distributions beside a version's counters: the phases that have one, their names, and how a request is counted.
 */

import { type HistogramName, histogramFamilyNames } from '../model-config/rules/metric-families.ts';
import type { BatchDurations } from '../scheduling/scheduler.ts';
import {
  batchSizeBucketsRows,
  firstResponseBucketsMs,
  Histogram,
  latencyBucketsUs,
  phaseBucketsUs,
} from './histogram.ts';
import { LatencyWindow } from './latency-window.ts';

/** The phases of a request, each with a histogram and a summary. */
interface Phases<T> {
  readonly request: T;
  readonly queue: T;
  readonly computeInput: T;
  readonly computeInfer: T;
  readonly computeOutput: T;
}

/** Durations are observed in nanoseconds. Null for a family that is not kept. */
export interface Histograms extends Phases<Histogram | null> {
  /** The whole answer is the first response: models answer once. */
  readonly firstResponse: Histogram | null;
  /** Rows of every batch that was run, failed ones included. */
  readonly batchSize: Histogram | null;
}

export type Windows = Phases<LatencyWindow>;

/** Which histograms are kept of versions whose configuration says nothing about them. */
export interface HistogramOptions {
  readonly families: readonly HistogramName[];
  /** Bounds of the five families of durations; null for those that each has by default. */
  readonly bucketsUs: readonly number[] | null;
}

/** Which distributions are kept. */
export interface CountingOptions {
  /** Null for none at all. */
  readonly histograms: HistogramOptions | null;
  readonly summaries: boolean;
}

/** @param overrides Buckets by the family's name; a family that is named there is kept in any case. */
export function histogramsOf(
  { families, bucketsUs }: HistogramOptions,
  overrides: ReadonlyMap<string, readonly number[]>,
): Histograms {
  const make = (name: HistogramName, bounds: readonly number[], unitsPerStep: number): Histogram | null => {
    const override = overrides.get(histogramFamilyNames[name]);
    if (override === undefined && !families.includes(name)) return null;
    return new Histogram(override ?? bounds, unitsPerStep);
  };
  const phase = bucketsUs ?? phaseBucketsUs;
  return {
    request: make('request', bucketsUs ?? latencyBucketsUs, 1_000),
    queue: make('queue', bucketsUs ?? latencyBucketsUs, 1_000),
    computeInput: make('compute_input', phase, 1_000),
    computeInfer: make('compute_infer', phase, 1_000),
    computeOutput: make('compute_output', phase, 1_000),
    firstResponse: make('first_response', firstResponseBucketsMs, 1_000_000),
    batchSize: make('batch_size', batchSizeBucketsRows, 1),
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
  to.request?.observe(totalNs);
  to.firstResponse?.observe(totalNs);
  to.queue?.observe(queueNs);
  to.computeInput?.observe(batch.computeInputNs);
  to.computeInfer?.observe(batch.computeInferNs);
  to.computeOutput?.observe(batch.computeOutputNs);
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
