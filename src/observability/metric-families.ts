/**
 * The metrics of a model version: names, types, help texts and how each is read from the counters, in one table. Names
 * and meanings are Triton's, the five latency histograms have the names proposed for Triton, and metrics that only
 * Nereid has begin with `nereid_`.
 */

import { type HistogramFamily, histogramFamilyNames as names } from '../model-config/rules/metric-families.ts';
import { type CloseReason, closeReasons, failureReasons } from '../scheduling/scheduler.ts';
import { bucketSamples, type FamilyHead, type Sample, single } from './exposition.ts';
import type { Histogram } from './histogram.ts';
import type { Histograms, Windows } from './latency-distributions.ts';
import type { LatencyWindow } from './latency-window.ts';
import { cell, closedCell, failedCell } from './model-statistics.ts';
import type { VersionSeries } from './version-series.ts';

export interface VersionFamily extends FamilyHead {
  samples(series: VersionSeries, view: ScrapeView): readonly Sample[];
}

/** The inputs of a scrape besides the counters. */
interface ScrapeView {
  readonly nowMs: number;
  /** Shares between 0 and 1, for the summaries. */
  readonly quantiles: readonly number[];
}

/** Whole microseconds, as Triton writes them. */
const microseconds = (ns: number): number => Math.round(ns / 1_000);

const counted = (name: string, index: number, help: string): VersionFamily => ({
  name,
  type: 'counter',
  help,
  samples: (series) => single(series.total(index)),
});

const accumulated = (name: string, index: number, help: string): VersionFamily => ({
  name,
  type: 'counter',
  help,
  samples: (series) => single(microseconds(series.total(index))),
});

const gauge = (name: string, help: string, read: (series: VersionSeries) => number): VersionFamily => ({
  name,
  type: 'gauge',
  help,
  samples: (series) => single(read(series)),
});

const running = (series: VersionSeries): number =>
  Math.max(0, series.current(cell.started) - series.current(cell.ended));

const waiting = (series: VersionSeries): number =>
  Math.max(0, series.current(cell.queued) - series.current(cell.dequeued) - running(series));

const hasBatches = (series: VersionSeries): boolean =>
  closeReasons.some((reason) => series.total(closedCell(reason)) > 0);

const closedSample = (series: VersionSeries, reason: CloseReason): Sample => ({
  suffix: '',
  label: ['reason', reason],
  value: series.total(closedCell(reason)),
});

/** Always there, but for the reasons of batches, which begin with the first batch. */
export const countFamilies: readonly VersionFamily[] = [
  counted('nv_inference_request_success', cell.success, 'Number of successful inference requests, all batch sizes'),
  {
    name: 'nv_inference_request_failure',
    type: 'counter',
    help: 'Number of failed inference requests, all batch sizes',
    samples: (series) =>
      failureReasons.map((reason) => ({
        suffix: '',
        label: ['reason', reason],
        value: series.total(failedCell(reason)),
      })),
  },
  counted('nv_inference_count', cell.inferences, 'Number of inferences performed (rows; a request may have several)'),
  counted('nv_inference_exec_count', cell.executions, 'Number of model executions performed (batches)'),
  gauge('nv_inference_pending_request_count', 'Instantaneous number of requests waiting for execution', waiting),
  gauge('nereid_executing_request_count', 'Instantaneous number of requests in batches being executed', running),
  gauge(
    'nv_model_load_duration_secs',
    'Seconds the latest load of the model version took',
    (series) => series.loadSeconds,
  ),
  {
    name: 'nereid_batch_closed_total',
    type: 'counter',
    help: 'Number of batches by what closed them: full, preferred size reached, delay over, idle instance, or shape of the next request',
    samples: (series) => (hasBatches(series) ? closeReasons.map((reason) => closedSample(series, reason)) : []),
  },
];

const durationHelp = (duration: string): string =>
  `Cumulative ${duration} in microseconds; divide its rate by the rate of nv_inference_request_success for the mean of a request`;

/** Left out with `counter_latencies=false`. */
export const durationFamilies: readonly VersionFamily[] = [
  accumulated(
    'nv_inference_request_duration_us',
    cell.requestNs,
    durationHelp('duration of successful requests from arrival to answer'),
  ),
  accumulated(
    'nv_inference_queue_duration_us',
    cell.queueNs,
    durationHelp('time requests waited before their batch started'),
  ),
  accumulated(
    'nv_inference_compute_input_duration_us',
    cell.computeInputNs,
    durationHelp('time of gathering inputs, each request charged with its whole batch'),
  ),
  accumulated(
    'nv_inference_compute_infer_duration_us',
    cell.computeInferNs,
    durationHelp('time of running the model, each request charged with its whole batch'),
  ),
  accumulated(
    'nv_inference_compute_output_duration_us',
    cell.computeOutputNs,
    durationHelp('time of placing outputs, each request charged with its whole batch'),
  ),
];

function histogramSamples(histogram: Histogram | null): readonly Sample[] {
  if (histogram === null) return [];
  return bucketSamples(histogram.bounds, histogram.counts, histogram.sum / histogram.unitsPerStep);
}

const distribution = (key: keyof Histograms, name: HistogramFamily, help: string): VersionFamily => ({
  name,
  type: 'histogram',
  help,
  samples: (series) => histogramSamples(series.histogram(key)),
});

/** All that there can be; which ones a version has is the choice of flags and its configuration. */
export const histogramFamilies: readonly VersionFamily[] = [
  distribution('request', names.request, 'Duration of successful requests from arrival to answer, in microseconds'),
  distribution('queue', names.queue, 'Time requests waited before their batch started, in microseconds'),
  distribution(
    'computeInput',
    names.compute_input,
    'Time of gathering the inputs of a request’s batch, in microseconds',
  ),
  distribution('computeInfer', names.compute_infer, 'Time of running the model on a request’s batch, in microseconds'),
  distribution(
    'computeOutput',
    names.compute_output,
    'Time of placing the outputs of a request’s batch, in microseconds',
  ),
  distribution(
    'firstResponse',
    names.first_response,
    'Time from arrival to the first response of a request, in milliseconds',
  ),
  distribution('batchSize', names.batch_size, 'Rows of the batches that were run'),
];

function summarySamples(windows: readonly LatencyWindow[], view: ScrapeView): readonly Sample[] {
  const inUse = windows.find((window) => window.count > 0);
  if (inUse === undefined) return [];
  const values = inUse.quantilesNs(view.quantiles, view.nowMs);
  const samples = view.quantiles.map((quantile, index) => ({
    suffix: '',
    label: ['quantile', String(quantile)] as const,
    value: (values[index] ?? Number.NaN) / 1_000,
  }));
  const sumNs = windows.reduce((sum, window) => sum + window.sumNs, 0);
  const count = windows.reduce((sum, window) => sum + window.count, 0);
  return [
    ...samples,
    { suffix: '_sum', label: null, value: microseconds(sumNs) },
    { suffix: '_count', label: null, value: count },
  ];
}

const summary = (name: string, key: keyof Windows, help: string): VersionFamily => ({
  name,
  type: 'summary',
  help: `${help}, in microseconds; quantiles over the last minute`,
  samples: (series, view) => summarySamples(series.windows(key), view),
});

/** Only with `summary_latencies=true`. */
export const summaryFamilies: readonly VersionFamily[] = [
  summary('nv_inference_request_summary_us', 'request', 'Duration of successful requests from arrival to answer'),
  summary('nv_inference_queue_summary_us', 'queue', 'Time requests waited before their batch started'),
  summary('nv_inference_compute_input_summary_us', 'computeInput', 'Time of gathering the inputs'),
  summary('nv_inference_compute_infer_summary_us', 'computeInfer', 'Time of running the model'),
  summary('nv_inference_compute_output_summary_us', 'computeOutput', 'Time of placing the outputs'),
];
