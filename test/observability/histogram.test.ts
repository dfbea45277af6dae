import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram, latencyBucketsUs } from '../../src/observability/histogram.ts';

describe('a histogram', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const histogram = new Histogram([1, 10], 1_000);
    for (const ns of [0, 1_000, 1_001, 10_000, 10_001]) histogram.observe(ns);
    expect([...histogram.counts]).toEqual([2, 2, 1]);
    expect(histogram.sum).toBe(22_002);
  });

  it('orders bounds and drops duplicates and NaN', () => {
    expect([...new Histogram([10, 1, 10, Number.NaN, Number.POSITIVE_INFINITY, 5], 1).bounds]).toEqual([1, 5, 10]);
  });

  it('agrees with a linear search for any value', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (ns) => {
        const histogram = new Histogram(latencyBucketsUs, 1_000);
        histogram.observe(ns);
        const expected = latencyBucketsUs.findIndex((bound) => ns <= bound * 1_000);
        expect(histogram.counts.indexOf(1)).toBe(expected < 0 ? latencyBucketsUs.length : expected);
      }),
    );
  });

  it('adds another one with the same bounds', () => {
    const one = new Histogram([1, 2], 1);
    const other = one.emptied();
    one.observe(1);
    other.observe(2);
    other.observe(3);
    one.add(other);
    expect([...one.counts]).toEqual([1, 1, 1]);
    expect(one.hasBoundsOf(other)).toBe(true);
    expect(one.hasBoundsOf(new Histogram([1, 3], 1))).toBe(false);
  });
});
