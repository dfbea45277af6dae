/**
 * The CPU time of counting per request: events of batches of one and of eight, as a scheduler reports them; and that of
 * a page of metrics for each version on it. Needs a build.
 *
 *   node bench/statistics.mjs [folder of the built server, default dist]
 */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const built = resolve(process.argv[2] ?? 'dist');
const load = (file) => import(pathToFileURL(resolve(built, file)).href);
const { VersionCounters } = await load('observability/model-statistics.js');
const { ServerMetrics } = await load('observability/metrics.js');
const { systemClock } = await load('time.js');

const identity = { model: 'm', version: 1, metricTags: new Map(), gpuUuid: null, histogramBuckets: new Map() };
const requests = 1_000_000;
const rounds = 5;

/** Durations that differ from request to request, so that branch prediction does not flatter the bucket search. */
const spread = Float64Array.from({ length: 4096 }, (_, i) => 1_000 + ((i * 2_654_435_761) % 40_000_000));

function tell(counters, batchRows) {
  for (let done = 0; done < requests; done += batchRows) {
    const at = done & 2047;
    const batch = {
      computeInputNs: spread[at],
      computeInferNs: spread[at + 1],
      computeOutputNs: spread[at + 2],
    };
    for (let i = 0; i < batchRows; i += 1) counters.requestQueued();
    counters.batchStarted(batchRows);
    counters.batchExecuted(batchRows, batchRows, 'full', batch, false);
    for (let i = 0; i < batchRows; i += 1) counters.requestSucceeded(spread[at + 3 + i], spread[at + 4 + i], batch, 1);
  }
}

const usual = { families: ['request', 'queue'], bucketsUs: null };
const all = [...usual.families, 'compute_input', 'compute_infer', 'compute_output', 'first_response', 'batch_size'];
const rows = [];
for (const options of [
  { histograms: null, summaries: false },
  { histograms: usual, summaries: false },
  { histograms: { ...usual, families: all }, summaries: false },
  { histograms: usual, summaries: true },
]) {
  for (const batchRows of [1, 8]) {
    const counters = new VersionCounters(identity, systemClock, options, () => {});
    const costsNs = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = process.cpuUsage();
      tell(counters, batchRows);
      const { user, system } = process.cpuUsage(before);
      costsNs.push(((user + system) * 1e3) / requests);
    }
    rows.push({
      histograms: options.histograms?.families.length ?? 0,
      summaries: options.summaries,
      batchRows,
      nsPerRequest: Math.round(Math.min(...costsNs)),
    });
  }
}
console.table(rows);

const versions = 1000;
const settings = {
  ...{ listen: null, intervalMs: 2000, cpuMetrics: false, gpuMetrics: false, counterLatencies: true },
  ...{ histogramLatencies: true, histogramFamilies: usual.families, histogramBucketsUs: null },
  ...{ summaryLatencies: false, summaryQuantiles: [] },
};
const noProbes = { host: null, gpu: null, pinnedMemory: null, process: null, inflightBytes: null, turns: null };
const pages = [];
for (const isCalled of [false, true]) {
  const metrics = new ServerMetrics(settings, systemClock, noProbes);
  for (let i = 0; i < versions; i += 1) {
    const counters = metrics.createStatistics({ ...identity, model: `model-${i}` });
    const batch = { computeInputNs: spread[i], computeInferNs: spread[i + 1], computeOutputNs: spread[i + 2] };
    if (!isCalled) continue;
    counters.requestQueued();
    counters.batchStarted(1);
    counters.batchExecuted(1, 1, 'full', batch, false);
    counters.requestSucceeded(spread[i], spread[i + 1], batch, 1);
  }
  const costsMs = [];
  let bytes = 0;
  for (let round = 0; round < 3 * rounds; round += 1) {
    const before = process.cpuUsage();
    bytes = 0;
    for (const piece of metrics.pieces()) bytes += piece.length;
    const { user, system } = process.cpuUsage(before);
    costsMs.push((user + system) / 1e3 / versions);
  }
  pages.push({ isCalled, bytesPerVersion: Math.round(bytes / versions), msPerVersion: Math.min(...costsMs) });
}
console.table(pages);
