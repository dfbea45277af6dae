import { describe, expect, it } from 'vitest';

import { fp32Bytes, outputDifference } from '../../../bench/load/infer-case.ts';
import { LatencyHistogram } from '../../../bench/load/latency-histogram.ts';
import { LoadRecorder } from '../../../bench/load/load-recorder.ts';

const expected = Float32Array.of(1, 2);
const inferCase = { model: 'm', shape: [1, 2], input: new Uint8Array(8), expected };

describe('LatencyHistogram', () => {
  it('finds quantiles within one percent and the exact maximum', () => {
    const latencies = new LatencyHistogram();
    for (let us = 1; us <= 10_000; us += 1) latencies.record(us);
    expect(Math.abs(latencies.quantileUs(0.5) / 5000 - 1)).toBeLessThan(0.01);
    expect(Math.abs(latencies.quantileUs(0.99) / 9900 - 1)).toBeLessThan(0.01);
    expect(latencies.maxUs).toBe(10_000);
    latencies.clear();
    expect(latencies.quantileUs(0.5)).toBe(0);
  });

  it('takes zero and the very long', () => {
    const latencies = new LatencyHistogram();
    latencies.record(0);
    latencies.record(1e12);
    expect(latencies.quantileUs(1)).toBeGreaterThan(1e8);
  });
});

describe('LoadRecorder', () => {
  it('compares every n-th answer and counts a wrong one as failed', () => {
    const recorder = new LoadRecorder([inferCase], { checkEvery: 2, tolerance: 1e-6 });
    const answer = (output: Float32Array): void => {
      const bytes = recorder.wantsOutput ? fp32Bytes(output) : null;
      recorder.succeed(performance.now(), 0, bytes);
    };
    const wrong = Float32Array.of(1, 3);
    for (const output of [expected, wrong, wrong]) answer(output);
    expect(recorder.counts).toMatchObject({ succeeded: 2, failed: 1, checked: 2 });
    expect(recorder.counts.firstFailure).toContain('OUTPUT[1]: expected 2, got 3');
  });

  it('counts from zero when the window opens, but forgets no failure', () => {
    const recorder = new LoadRecorder([inferCase], { checkEvery: 1, tolerance: 1e-6 });
    recorder.fail('before');
    recorder.succeed(performance.now(), 0, fp32Bytes(expected));
    let isLimitReached = false;
    recorder.openWindow(1, () => {
      isLimitReached = true;
    });
    expect(recorder.counts).toMatchObject({ succeeded: 0, failed: 1, firstFailure: 'before' });
    recorder.succeed(performance.now(), 0, fp32Bytes(expected));
    expect(isLimitReached).toBe(true);
  });

  it('takes the cases in turn', () => {
    const recorder = new LoadRecorder([inferCase, inferCase, inferCase], { checkEvery: 1, tolerance: 0 });
    expect(Array.from({ length: 5 }, () => recorder.takeCase())).toEqual([0, 1, 2, 0, 1]);
  });
});

describe('outputDifference', () => {
  it('accepts differences within the tolerance and refuses NaN and other lengths', () => {
    expect(outputDifference(fp32Bytes(Float32Array.of(1.00001, 2)), expected, 1e-4)).toBeNull();
    expect(outputDifference(fp32Bytes(Float32Array.of(Number.NaN, 2)), expected, 1e-4)).toContain('NaN');
    expect(outputDifference(fp32Bytes(Float32Array.of(1)), expected, 1e-4)).toContain('expected 8 bytes, got 4');
  });
});
