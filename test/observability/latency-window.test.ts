import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyWindow, windowMs } from '../../src/observability/latency-window.ts';

const shares = [0, 0.5, 0.9, 0.99, 1];

describe('a latency window', () => {
  it('has no quantiles while it is empty', () => {
    expect(new LatencyWindow(0).quantilesNs([0.5], 0)).toEqual([Number.NaN]);
  });

  it('tells every quantile within 0.8 % of the exact one', () => {
    const durations = fc.array(fc.integer({ min: 1_024, max: 10 ** 12 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(durations, (values) => {
        const window = new LatencyWindow(0);
        for (const ns of values) window.observe(ns, 0);
        const sorted = [...values].sort((a, b) => a - b);
        for (const [index, quantile] of window.quantilesNs(shares, 0).entries()) {
          const exact = sorted[Math.max(0, Math.ceil((shares[index] as number) * sorted.length) - 1)] as number;
          expect(Math.abs(quantile - exact) / exact).toBeLessThan(0.008);
        }
      }),
    );
  });

  it('drops durations older than a minute and keeps the total', () => {
    const window = new LatencyWindow(0);
    window.observe(5_000_000, 0);
    expect(window.quantilesNs([0.5], windowMs - 1)[0]).toBeGreaterThan(4_900_000);
    expect(window.quantilesNs([0.5], windowMs + 1)).toEqual([Number.NaN]);
    expect(window.count).toBe(1);
    expect(window.sumNs).toBe(5_000_000);
  });

  it('drops the oldest part first', () => {
    const window = new LatencyWindow(0);
    window.observe(1_000_000, 0);
    window.observe(100_000_000, windowMs / 2);
    expect(window.quantilesNs([1], windowMs + 1)[0]).toBeGreaterThan(99_000_000);
    expect(window.quantilesNs([0], windowMs + 1)[0]).toBeGreaterThan(99_000_000);
  });

  it('takes durations beyond its range as the shortest or the longest', () => {
    const window = new LatencyWindow(0);
    for (const ns of [-5, 0, 1, 2 ** 60]) window.observe(ns, 0);
    const [low, high] = window.quantilesNs([0.5, 1], 0) as [number, number];
    expect(low).toBeLessThan(1_100);
    expect(high).toBeGreaterThan(8e12);
  });

  it('survives a long silence', () => {
    const window = new LatencyWindow(0);
    window.observe(2_000_000, 0);
    window.observe(3_000_000, 1e9);
    expect(window.quantilesNs([0], 1e9)[0]).toBeGreaterThan(2_900_000);
  });
});
