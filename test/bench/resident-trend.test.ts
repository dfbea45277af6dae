import { describe, expect, it } from 'vitest';

import { residentTrend } from '../soak/resident-trend.ts';

const samplesOf = (bytes: readonly number[]) => bytes.map((value, i) => ({ at: i + 1, bytes: value }));

describe('residentTrend', () => {
  it('calls memory flat that grows while it settles and not after', () => {
    const samples = samplesOf([10, 50, 100, 100, 101, 104, 101, 102, 100]);
    expect(residentTrend(samples, 5, 3)).toMatchObject({ settledBytes: 100, endBytes: 101, isFlat: true });
  });

  it('does not call a steady leak flat', () => {
    const leak = Array.from({ length: 200 }, (_, i) => 100 + i * 0.05);
    expect(residentTrend(samplesOf(leak), 20, 5).isFlat).toBe(false);
  });

  it('lets one outlier decide nothing', () => {
    expect(residentTrend(samplesOf([100, 100, 100, 100, 100, 180]), 3, 3).isFlat).toBe(true);
  });

  it('refuses to judge without samples on both sides', () => {
    expect(() => residentTrend(samplesOf([1, 2, 3]), 20, 5)).toThrow('3 and 0');
  });
});
