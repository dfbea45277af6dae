import { describe, expect, it } from 'vitest';
import { turnBoundsMs, TurnCounts } from '../../src/event-loop/turn-counts.ts';
import type { VersionIdentity } from '../../src/lifecycle/version-statistics.ts';
import type { MachineProbes } from '../../src/observability/machine-metrics.ts';
import { pieceCharacters, ServerMetrics } from '../../src/observability/metrics.ts';
import type { BatchDurations } from '../../src/scheduling/scheduler.ts';
import type { MetricsConfig } from '../../src/server/server-config.ts';
import { readExposition } from './exposition.ts';
import { settableClock } from './settable-clock.ts';

const noProbes: MachineProbes = {
  host: null,
  gpu: null,
  pinnedMemory: null,
  process: null,
  inflightBytes: null,
  turns: null,
};

const settings: MetricsConfig = {
  listen: null,
  intervalMs: 2_000,
  cpuMetrics: true,
  gpuMetrics: true,
  counterLatencies: true,
  histogramLatencies: true,
  histogramFamilies: ['request', 'queue'],
  histogramBucketsUs: null,
  summaryLatencies: false,
  summaryQuantiles: [0.5, 0.99],
};

const identityOf = (changes: Partial<VersionIdentity> = {}): VersionIdentity => ({
  model: 'm',
  version: 1,
  metricTags: new Map(),
  gpuUuid: null,
  histogramBuckets: new Map(),
  ...changes,
});

const metricsWith = (changes: Partial<MetricsConfig> = {}, probes: MachineProbes = noProbes, clock = settableClock()) =>
  new ServerMetrics({ ...settings, ...changes }, clock, probes);

const batch: BatchDurations = { computeInputNs: 2_000, computeInferNs: 3_000_000, computeOutputNs: 1_000 };
const pageOf = (metrics: ServerMetrics) => [...metrics.pieces()].join('');
const scrape = async (metrics: ServerMetrics) => readExposition(pageOf(metrics));

describe('the metrics of a version', () => {
  it("have their labels in Triton's order: by name, and those of a bucket or quantile last", async () => {
    const metrics = metricsWith({ summaryLatencies: true });
    const identity = identityOf({ gpuUuid: 'g', metricTags: new Map([['_tag', 't']]) });
    metrics.createStatistics(identity).requestSucceeded(1_000, 1_000, batch, 1);
    const lines = pageOf(metrics).split('\n');
    const shared = '_tag="t",gpu_uuid="g",model="m"';
    expect(lines).toContain(`nv_inference_count{${shared},version="1"} 1`);
    expect(lines).toContain(`nv_inference_request_failure{${shared},reason="REJECTED",version="1"} 0`);
    expect(lines).toContain(`nv_inference_queue_duration_histogram_us_bucket{${shared},version="1",le="+Inf"} 1`);
    const summary = lines.find((line) => line.startsWith('nv_inference_request_summary_us{'));
    expect(summary).toMatch(/version="1",quantile="0\.5"\}/);
  });

  it('exist with value 0 from the load on', async () => {
    const metrics = metricsWith();
    metrics.createStatistics(identityOf());
    const { samples, types } = await scrape(metrics);
    for (const name of [
      'nv_inference_request_success',
      'nv_inference_count',
      'nv_inference_exec_count',
      'nv_inference_request_duration_us',
      'nv_inference_queue_duration_us',
      'nv_inference_compute_input_duration_us',
      'nv_inference_compute_infer_duration_us',
      'nv_inference_compute_output_duration_us',
      'nv_inference_pending_request_count',
      'nv_model_load_duration_secs',
    ]) {
      expect([name, samples.get(`${name}{model="m",version="1"}`)]).toEqual([name, 0]);
    }
    for (const reason of ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER']) {
      expect(samples.get(`nv_inference_request_failure{model="m",reason="${reason}",version="1"}`)).toBe(0);
    }
    expect(types.get('nv_inference_request_success')).toBe('counter');
    expect(types.get('nv_inference_pending_request_count')).toBe('gauge');
  });

  it('have at most 15 lines before the first request, and 60 after it', () => {
    const metrics = metricsWith();
    const version = metrics.createStatistics(identityOf({ gpuUuid: 'g', metricTags: new Map([['_tag', 't']]) }));
    const lineCount = () =>
      pageOf(metrics)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#')).length;
    expect(lineCount()).toBe(15);
    version.requestQueued();
    version.batchStarted?.(1);
    version.batchExecuted(4, 1, 'preferred', batch, false);
    version.requestSucceeded(5_000_000, 40_000, batch, 4);
    version.requestFailed(1, 'CANCELED', false);
    expect(lineCount()).toBeGreaterThan(50);
    expect(lineCount()).toBeLessThanOrEqual(60);
  });

  it('have the histograms that are asked for, and those whose buckets a configuration gives', async () => {
    const histogramBuckets = new Map([['nereid_batch_size', [2, 4]]]);
    const metrics = metricsWith({ histogramFamilies: ['compute_infer'], histogramBucketsUs: [1_000, 5_000] });
    metrics.createStatistics(identityOf()).requestSucceeded(5_000_000, 40_000, batch, 1);
    const other = metrics.createStatistics(identityOf({ model: 'n', histogramBuckets }));
    other.batchExecuted(3, 3, 'full', batch, false);
    const { samples, types } = await scrape(metrics);
    expect([...types].filter(([, type]) => type === 'histogram').map(([name]) => name)).toEqual([
      'nv_inference_compute_infer_duration_histogram_us',
      'nereid_batch_size',
    ]);
    const infer = 'nv_inference_compute_infer_duration_histogram_us_bucket';
    const bounds = ['1000', '5000', '+Inf'].map((le) => samples.get(`${infer}{le="${le}",model="m",version="1"}`));
    expect(bounds).toEqual([0, 1, 1]);
    expect(samples.get('nereid_batch_size_bucket{le="4",model="n",version="1"}')).toBe(1);
    expect(samples.has('nereid_batch_size_count{model="m",version="1"}')).toBe(false);
  });

  it('disappear when the version is unloaded', async () => {
    const metrics = metricsWith();
    metrics.createStatistics(identityOf()).retire();
    expect((await scrape(metrics)).samples.size).toBe(0);
  });

  it('count the reported durations, in microseconds', async () => {
    const metrics = metricsWith({ histogramFamilies: ['request', 'queue', 'first_response', 'batch_size'] });
    const version = metrics.createStatistics(identityOf());
    version.loaded(1.5);
    version.requestQueued();
    version.batchExecuted(4, 1, 'preferred', batch, false);
    version.requestSucceeded(5_000_000, 40_000, batch, 4);
    version.requestFailed(1, 'CANCELED', false);
    const { samples } = await scrape(metrics);
    const of = (name: string, extra = '') => samples.get(`${name}{${extra}model="m",version="1"}`);
    expect(of('nv_inference_request_success')).toBe(1);
    expect(of('nv_inference_count')).toBe(4);
    expect(of('nv_inference_exec_count')).toBe(1);
    expect(of('nv_inference_request_duration_us')).toBe(5_000);
    expect(of('nv_inference_queue_duration_us')).toBe(40);
    expect(of('nv_inference_compute_infer_duration_us')).toBe(3_000);
    expect(of('nv_model_load_duration_secs')).toBe(1.5);
    expect(samples.get('nv_inference_request_failure{model="m",reason="CANCELED",version="1"}')).toBe(1);
    expect(samples.get('nereid_batch_closed_total{model="m",reason="preferred",version="1"}')).toBe(1);
    expect(of('nv_inference_request_duration_histogram_us_bucket', 'le="2500",')).toBe(0);
    expect(of('nv_inference_request_duration_histogram_us_bucket', 'le="5000",')).toBe(1);
    expect(of('nv_inference_queue_duration_histogram_us_bucket', 'le="+Inf",')).toBe(1);
    expect(of('nv_inference_queue_duration_histogram_us_sum')).toBe(40);
    expect(of('nv_inference_queue_duration_histogram_us_count')).toBe(1);
    expect(of('nv_inference_first_response_histogram_ms_sum')).toBe(5);
    expect(of('nereid_batch_size_bucket', 'le="4",')).toBe(1);
  });

  it('tell waiting requests from those in execution', async () => {
    const metrics = metricsWith();
    const version = metrics.createStatistics(identityOf());
    for (let i = 0; i < 5; i += 1) version.requestQueued();
    version.batchStarted?.(3);
    const during = (await scrape(metrics)).samples;
    expect(during.get('nv_inference_pending_request_count{model="m",version="1"}')).toBe(2);
    expect(during.get('nereid_executing_request_count{model="m",version="1"}')).toBe(3);
    version.batchExecuted(3, 3, 'full', batch, false);
    for (let i = 0; i < 3; i += 1) version.requestSucceeded(1, 1, batch, 1);
    const after = (await scrape(metrics)).samples;
    expect(after.get('nv_inference_pending_request_count{model="m",version="1"}')).toBe(2);
    expect(after.get('nereid_executing_request_count{model="m",version="1"}')).toBe(0);
  });

  it('are one set of series while two lives of a version overlap, and never fall', async () => {
    const metrics = metricsWith();
    const old = metrics.createStatistics(identityOf());
    old.requestSucceeded(1_000, 1_000, batch, 1);
    const next = metrics.createStatistics(identityOf());
    next.requestSucceeded(1_000, 1_000, batch, 1);
    const key = 'nv_inference_request_success{model="m",version="1"}';
    const inBuckets = 'nv_inference_request_duration_histogram_us_count{model="m",version="1"}';
    expect((await scrape(metrics)).samples.get(key)).toBe(2);
    old.retire();
    expect((await scrape(metrics)).samples.get(key)).toBe(2);
    expect((await scrape(metrics)).samples.get(inBuckets)).toBe(2);
    expect(next.snapshot().success.count).toBe(1);
    next.retire();
    expect((await scrape(metrics)).samples.size).toBe(0);
  });

  it('leave out the buckets of an older life whose configuration had others', async () => {
    const metrics = metricsWith({ histogramFamilies: ['first_response'] });
    const other = new Map([['nv_inference_first_response_histogram_ms', [7]]]);
    metrics.createStatistics(identityOf({ histogramBuckets: other })).requestSucceeded(1, 1, batch, 1);
    const newest = metrics.createStatistics(identityOf());
    expect(pageOf(metrics)).not.toContain('nv_inference_first_response_histogram_ms');
    newest.requestSucceeded(1, 1, batch, 1);
    const { samples } = await scrape(metrics);
    expect(samples.get('nv_inference_first_response_histogram_ms_count{model="m",version="1"}')).toBe(1);
    expect(samples.has('nv_inference_first_response_histogram_ms_bucket{le="7",model="m",version="1"}')).toBe(false);
  });

  it('carry the GPU and the tags of the configuration as labels', async () => {
    const metrics = metricsWith();
    const metricTags = new Map([
      ['_team', 'a"b\\c\nd'],
      ['_not a name', 'x'],
      ['_not-a-name', 'y'],
      ['__proto__', 'z'],
    ]);
    metrics.createStatistics(identityOf({ gpuUuid: 'GPU-1', metricTags }));
    const { samples } = await scrape(metrics);
    const expected = '__proto__="z",_not_a_name="x",_team="a\\"b\\\\c\\nd",gpu_uuid="GPU-1",model="m",version="1"';
    expect(samples.get(`nv_inference_count{${expected}}`)).toBe(0);
  });

  it('omit the durations with counter_latencies=false and keep the counts', async () => {
    const metrics = metricsWith({ counterLatencies: false });
    metrics.createStatistics(identityOf()).requestSucceeded(1, 1, batch, 1);
    const { samples } = await scrape(metrics);
    expect(samples.get('nv_inference_request_success{model="m",version="1"}')).toBe(1);
    expect([...samples.keys()].some((key) => key.startsWith('nv_inference_queue_duration_us{'))).toBe(false);
  });

  it('omit the histograms with histogram_latencies=false', async () => {
    const metrics = metricsWith({ histogramLatencies: false });
    metrics.createStatistics(identityOf()).requestSucceeded(1, 1, batch, 1);
    expect([...(await scrape(metrics)).types.values()]).not.toContain('histogram');
  });

  it('have summaries with summary_latencies=true', async () => {
    const clock = settableClock();
    const metrics = metricsWith({ summaryLatencies: true }, noProbes, clock);
    const version = metrics.createStatistics(identityOf());
    const median = 'nv_inference_request_summary_us{model="m",quantile="0.5",version="1"}';
    expect((await scrape(metrics)).samples.has(median)).toBe(false);
    version.requestSucceeded(8_000_000, 1_000, batch, 1);
    const { samples, types } = await scrape(metrics);
    expect(types.get('nv_inference_request_summary_us')).toBe('summary');
    expect(samples.get(median)).toBeGreaterThan(7_900);
    expect(samples.get(median)).toBeLessThan(8_100);
    expect(samples.get('nv_inference_request_summary_us_count{model="m",version="1"}')).toBe(1);
    expect(samples.get('nv_inference_request_summary_us_sum{model="m",version="1"}')).toBe(8_000);
    clock.nowMs = 120_000;
    expect((await scrape(metrics)).samples.get(median)).toBeNaN();
  });

  it('come in pieces of bounded length, whatever the number of versions', () => {
    const metrics = metricsWith();
    for (let i = 0; i < 300; i += 1) {
      metrics.createStatistics(identityOf({ model: `model-${i}` })).requestSucceeded(5_000_000, 40_000, batch, 4);
    }
    const pieces = [...metrics.pieces()];
    const ofOneVersion = 4 * 1024;
    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.filter(({ length }) => length > pieceCharacters + ofOneVersion)).toEqual([]);
    const { samples } = readExposition(pieces.join(''));
    const answered = [...samples].filter(([key]) => key.startsWith('nv_inference_request_success{'));
    expect(answered.map(([, value]) => value)).toEqual(Array.from({ length: 300 }, () => 1));
  });

  it('are read when their piece is asked for, of the versions that there were at the beginning', () => {
    const metrics = metricsWith();
    const versions = Array.from({ length: 300 }, (_, i) =>
      metrics.createStatistics(identityOf({ model: `model-${i}` })),
    );
    const pieces = metrics.pieces();
    let page = pieces.next().value as string;
    metrics.createStatistics(identityOf({ model: 'late' }));
    for (const version of versions) version.requestSucceeded(5_000_000, 40_000, batch, 4);
    for (const piece of pieces) page += piece;
    const { samples } = readExposition(page);
    expect(samples.get('nv_inference_request_success{model="model-0",version="1"}')).toBe(0);
    expect(samples.get('nv_inference_count{model="model-0",version="1"}')).toBe(4);
    expect([...samples.keys()].filter((key) => key.includes('late'))).toEqual([]);
    // Buckets, sum and count of a histogram are of one moment.
    const histogram = 'nv_inference_request_duration_histogram_us';
    expect(samples.get(`${histogram}_bucket{le="+Inf",model="model-0",version="1"}`)).toBe(1);
    expect(samples.get(`${histogram}_sum{model="model-0",version="1"}`)).toBe(5_000);
  });

  it('are complete when a version leaves in the middle of a page', () => {
    const metrics = metricsWith();
    const versions = Array.from({ length: 300 }, (_, i) =>
      metrics.createStatistics(identityOf({ model: `model-${i}` })),
    );
    const pieces = metrics.pieces();
    let page = pieces.next().value as string;
    for (const version of versions) version.retire();
    for (const piece of pieces) page += piece;
    expect(readExposition(page).samples.get('nv_inference_count{model="model-299",version="1"}')).toBe(0);
    expect(readExposition(pageOf(metrics)).samples.size).toBe(0);
  });

  it('take the buckets that a configuration gives for a family', async () => {
    const metrics = metricsWith();
    const histogramBuckets = new Map([['nv_inference_first_response_histogram_ms', [20, 5]]]);
    metrics.createStatistics(identityOf({ histogramBuckets })).requestSucceeded(6_000_000, 1, batch, 1);
    const { samples } = await scrape(metrics);
    const bucket = (le: string) =>
      samples.get(`nv_inference_first_response_histogram_ms_bucket{le="${le}",model="m",version="1"}`);
    expect([bucket('5'), bucket('20'), bucket('+Inf'), bucket('100')]).toEqual([0, 1, 1, undefined]);
  });
});

describe('the metrics of the machine', () => {
  it('are absent where nothing can be read', async () => {
    expect((await scrape(metricsWith())).types.has('nv_gpu_utilization')).toBe(false);
    const unreadable = metricsWith({}, { ...noProbes, host: () => null });
    expect((await scrape(unreadable)).samples.has('nv_cpu_utilization{}')).toBe(false);
  });

  it('have a series per GPU for each reading of its driver', async () => {
    const reading = {
      uuid: 'GPU-7',
      utilization: 0.5,
      totalBytes: 100,
      usedBytes: 40,
      powerWatts: null,
      powerLimitWatts: 700,
      energyJoules: 12,
    };
    const { samples, types } = await scrape(metricsWith({}, { ...noProbes, gpu: { read: () => [reading] } }));
    expect(samples.get('nv_gpu_utilization{gpu_uuid="GPU-7"}')).toBe(0.5);
    expect(samples.get('nv_gpu_memory_used_bytes{gpu_uuid="GPU-7"}')).toBe(40);
    expect(samples.get('nv_gpu_power_limit{gpu_uuid="GPU-7"}')).toBe(700);
    expect(samples.has('nv_gpu_power_usage{gpu_uuid="GPU-7"}')).toBe(false);
    expect(types.get('nv_energy_consumption')).toBe('counter');
  });

  it('are read again only when the reading is half an interval old', async () => {
    const clock = settableClock();
    let reads = 0;
    const host = () => {
      reads += 1;
      return { cpuUtilization: reads / 10, memoryTotalBytes: 10, memoryUsedBytes: 4 };
    };
    const metrics = metricsWith({}, { ...noProbes, host }, clock);
    expect((await scrape(metrics)).samples.get('nv_cpu_utilization{}')).toBe(0.1);
    clock.nowMs = 999;
    expect((await scrape(metrics)).samples.get('nv_cpu_utilization{}')).toBe(0.1);
    clock.nowMs = 1_000;
    expect((await scrape(metrics)).samples.get('nv_cpu_utilization{}')).toBe(0.2);
    expect((await scrape(metrics)).samples.get('nv_cpu_memory_used_bytes{}')).toBe(4);
  });

  it('show bytes in flight, pinned memory and the event loop', async () => {
    const probes: MachineProbes = {
      ...noProbes,
      inflightBytes: () => 77,
      pinnedMemory: () => ({ totalBytes: 8, usedBytes: 3 }),
      process: () => ({
        cpuSeconds: 1,
        residentBytes: 2,
        startTimeSeconds: 3,
        eventLoopUtilization: 0.25,
      }),
    };
    const { samples } = await scrape(metricsWith({}, probes));
    expect(samples.get('nereid_inflight_bytes{}')).toBe(77);
    expect(samples.get('nv_pinned_memory_pool_used_bytes{}')).toBe(3);
    expect(samples.get('nereid_event_loop_utilization{}')).toBe(0.25);
    expect(samples.get('process_resident_memory_bytes{}')).toBe(2);
  });

  it('show the turns of each thread’s event loop, once it has had any', async () => {
    const turns = TurnCounts.of(3);
    const sumCell = turnBoundsMs.length + 1;
    for (const [thread, ms] of [
      [0, 4],
      [2, 2_000],
    ]) {
      const { cells } = turns.row(thread);
      cells[turnBoundsMs.filter((bound) => bound < ms).length] = 1;
      cells[sumCell] = ms * 1e6;
    }
    const { samples } = await scrape(metricsWith({}, { ...noProbes, turns }));
    const name = 'nereid_event_loop_stall_seconds';
    expect(samples.get(`${name}_bucket{le="0.0025",thread="main"}`)).toBe(0);
    expect(samples.get(`${name}_bucket{le="0.005",thread="main"}`)).toBe(1);
    expect(samples.get(`${name}_sum{thread="main"}`)).toBe(0.004);
    expect(samples.get(`${name}_bucket{le="1",thread="frontend-1"}`)).toBe(0);
    expect(samples.get(`${name}_bucket{le="+Inf",thread="frontend-1"}`)).toBe(1);
    expect(samples.has(`${name}_count{thread="frontend-0"}`)).toBe(false);
  });
});
