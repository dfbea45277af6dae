import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VersionIdentity } from '../../src/lifecycle/version-statistics.ts';
import type { HistogramOptions } from '../../src/observability/latency-distributions.ts';
import { cell, closedCell, VersionCounters } from '../../src/observability/model-statistics.ts';
import { type BatchDurations, closeReasons, failureReasons } from '../../src/scheduling/scheduler.ts';
import { settableClock } from './settable-clock.ts';

const identity: VersionIdentity = {
  model: 'm',
  version: 3,
  metricTags: new Map(),
  gpuUuid: null,
  histogramBuckets: new Map(),
};
const durations: BatchDurations = { computeInputNs: 10, computeInferNs: 200, computeOutputNs: 3 };
const usual: HistogramOptions = { families: ['request', 'queue', 'batch_size'], bucketsUs: null };
const plain = { histograms: usual, summaries: false };
const counters = (wallMs = 0) => new VersionCounters(identity, settableClock({ wallMs }), plain, () => undefined);

describe('the statistics of a version', () => {
  it('are zero before the first request', () => {
    const nothing = { count: 0, ns: 0 };
    expect(counters().snapshot()).toEqual({
      name: 'm',
      version: '3',
      lastInferenceMs: 0,
      inferenceCount: 0,
      executionCount: 0,
      success: nothing,
      fail: nothing,
      queue: nothing,
      computeInput: nothing,
      computeInfer: nothing,
      computeOutput: nothing,
      batches: [],
      memoryUsage: [],
    });
  });

  it('charge every request of a batch with the whole batch, and the batch itself once', () => {
    const version = counters(1_700_000_000_000);
    version.batchExecuted(8, 2, 'full', durations, false);
    version.requestSucceeded(1_000, 400, durations, 3);
    version.requestSucceeded(1_100, 500, durations, 5);
    const statistics = version.snapshot();
    expect(statistics.success).toEqual({ count: 2, ns: 2_100 });
    expect(statistics.queue).toEqual({ count: 2, ns: 900 });
    expect(statistics.computeInfer).toEqual({ count: 2, ns: 400 });
    expect(statistics.inferenceCount).toBe(8);
    expect(statistics.executionCount).toBe(1);
    expect(statistics.lastInferenceMs).toBe(1_700_000_000_000);
    expect(statistics.batches).toEqual([
      {
        batchSize: 8,
        computeInput: { count: 1, ns: 10 },
        computeInfer: { count: 1, ns: 200 },
        computeOutput: { count: 1, ns: 3 },
      },
    ]);
  });

  it('list batch sizes in ascending order, however the batches came', () => {
    const version = counters();
    for (const rows of [16, 1, 300, 2]) version.batchExecuted(rows, 1, 'delay', durations, false);
    expect(version.snapshot().batches.map((batch) => batch.batchSize)).toEqual([1, 2, 16, 300]);
  });

  it('count failures of all reasons together, with their duration', () => {
    const version = counters();
    for (const reason of failureReasons) version.requestFailed(7, reason, true);
    expect(version.snapshot().fail).toEqual({ count: failureReasons.length, ns: 7 * failureReasons.length });
    expect(version.snapshot().success.count).toBe(0);
  });

  it('do not count a batch that the engine refused as an execution, but do count why it was closed', () => {
    const version = counters(5);
    version.batchExecuted(4, 4, 'idle_instance', durations, true);
    expect(version.snapshot()).toMatchObject({ executionCount: 0, batches: [], lastInferenceMs: 0 });
    expect(version.cells[closedCell('idle_instance')]).toBe(1);
  });

  it('stay exact where the sum of nanoseconds is near 2^53', () => {
    const version = counters();
    const half = 2 ** 52 - 1;
    version.requestSucceeded(half, 0, durations, 1);
    version.requestSucceeded(half, 0, durations, 1);
    expect(version.snapshot().success.ns).toBe(2 ** 53 - 2);
  });

  it('tell retirement once', () => {
    const retired: unknown[] = [];
    const version = new VersionCounters(identity, settableClock(), plain, (life) => retired.push(life));
    version.retire();
    version.retire();
    expect(retired).toEqual([version]);
  });

  it('count each way of closing a batch in a cell of its own', () => {
    const version = counters();
    for (const [index, reason] of closeReasons.entries()) {
      for (let i = 0; i <= index; i += 1) version.batchExecuted(1, 1, reason, durations, false);
    }
    expect(closeReasons.map((reason) => version.cells[closedCell(reason)])).toEqual([1, 2, 3, 4, 5]);
  });

  it('add up to the reported events, for any history', () => {
    const batch = fc.record({
      rows: fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 }),
      inferNs: fc.integer({ min: 0, max: 10 ** 9 }),
      failed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 30 }), (batches) => {
        const version = counters();
        for (const { rows, inferNs, failed } of batches) {
          const total = rows.reduce((sum, count) => sum + count, 0);
          const spent = { computeInputNs: 1, computeInferNs: inferNs, computeOutputNs: 2 };
          for (const _ of rows) version.requestQueued();
          version.batchExecuted(total, rows.length, 'full', spent, failed);
          for (const count of rows) {
            if (failed) version.requestFailed(9, 'BACKEND', true);
            else version.requestSucceeded(9, 4, spent, count);
          }
        }
        const good = batches.filter(({ failed }) => !failed);
        const requests = (some: typeof batches) => some.reduce((sum, { rows }) => sum + rows.length, 0);
        const statistics = version.snapshot();
        expect(statistics.success.count).toBe(requests(good));
        expect(statistics.fail.count).toBe(requests(batches) - requests(good));
        expect(statistics.executionCount).toBe(good.length);
        expect(statistics.inferenceCount).toBe(good.flatMap(({ rows }) => rows).reduce((sum, count) => sum + count, 0));
        expect(statistics.batches.reduce((sum, { computeInfer }) => sum + computeInfer.count, 0)).toBe(good.length);
        expect(statistics.computeInfer.ns).toBe(
          good.reduce((sum, { rows, inferNs }) => sum + rows.length * inferNs, 0),
        );
        expect(version.cells[cell.queued]).toBe(version.cells[cell.dequeued]);
      }),
    );
  });
});
