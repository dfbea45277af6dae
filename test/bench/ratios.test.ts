import { describe, expect, it } from 'vitest';

import { rowsWithRatios, withRatios } from '../../bench/ratios.ts';

describe('withRatios', () => {
  it('divides by the yardstick of the same round', () => {
    const rounds = withRatios([{ us: 10 }, { us: 30 }], [{ us: 20 }, { us: 10 }], { 'us / C++': 'us' });
    expect(rounds).toEqual([
      { us: 10, 'us / C++': 0.5 },
      { us: 30, 'us / C++': 3 },
    ]);
  });
});

describe('rowsWithRatios', () => {
  const measured = new Map([
    ['ours', [{ us: 10 }, { us: 30 }, { us: 100 }]],
    ['C++', [{ us: 10 }, { us: 60 }, { us: 50 }]],
  ]);

  it('takes the median of the ratios, not the ratio of the medians', () => {
    const rows = rowsWithRatios(measured, '4x16', 'C++', { 'us / C++': 'us' });
    expect(rows.map(({ name, metrics }) => [name, metrics])).toEqual([
      ['4x16, ours', { us: 30, 'us / C++': 1 }],
      ['4x16, C++', { us: 50, 'us / C++': 1 }],
    ]);
    expect(rows[0].rounds['us / C++']).toEqual([1, 0.5, 2]);
  });

  it('has no ratios where the yardstick was not measured', () => {
    expect(rowsWithRatios(measured, '4x16', 'Go', { 'us / Go': 'us' })[0].metrics).toEqual({ us: 30 });
  });
});
