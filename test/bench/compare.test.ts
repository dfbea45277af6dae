import { describe, expect, it } from 'vitest';

import { readBenchCommand } from '../../bench/bench-options.ts';
import { comparedRows } from '../../bench/compare.ts';
import { medianRow, type Report } from '../../bench/report.ts';

const report = (values: Readonly<Record<string, number>>): Report => ({
  bench: 'serving',
  date: '2026-01-01T00:00:00.000Z',
  machine: {},
  settings: {},
  rows: Object.entries(values).map(([name, us]) => ({ name, metrics: { us }, rounds: { us: [us] } })),
});

describe('medianRow', () => {
  it('keeps every round and the median of each metric', () => {
    const rounds = [{ us: 5 }, { us: 1 }, { us: 3 }, { us: 100 }];
    expect(medianRow('a', rounds)).toEqual({ name: 'a', metrics: { us: 4 }, rounds: { us: [5, 1, 3, 100] } });
  });
});

describe('comparedRows', () => {
  it('gives the factor of the rows that both have', () => {
    const rows = comparedRows(report({ a: 10, gone: 1 }), report({ a: 5, added: 2 }));
    expect(rows).toEqual([{ name: 'a', metrics: { us: 5, 'x us': 0.5 }, rounds: {} }]);
  });
});

describe('readBenchCommand', () => {
  it('reads words and flags', () => {
    expect(
      readBenchCommand(['serving', '--rounds=3', '--seconds=0.5', '--processes=2', '--server-flag=--a=1']),
    ).toEqual({
      words: ['serving'],
      rounds: 3,
      windowMs: 500,
      processes: 2,
      only: '',
      serverFlags: ['--a=1'],
      generator: 'auto',
      before: '',
      device: 'cuda',
      isShort: false,
      threads: [],
    });
  });

  it('measures for a shorter time where there is much to measure, unless it is told', () => {
    expect(readBenchCommand(['gpu', '--device=cpu', '--short'])).toMatchObject({
      rounds: 1,
      windowMs: 1000,
      device: 'cpu',
      isShort: true,
    });
    expect(readBenchCommand(['gpu', '--rounds=2'])).toMatchObject({ rounds: 2, windowMs: 1000 });
    expect(readBenchCommand(['threads', '--threads=1,8'])).toMatchObject({
      rounds: 5,
      windowMs: 2000,
      threads: [1, 8],
    });
  });

  it.each([
    ...['--rounds=0', '--seconds=x', '--seconds=-1', '--generator=wrk', '--unknown'],
    ...['--device=tpu', '--threads=1,x', '--threads=0'],
  ])('refuses %s', (flag) => {
    expect(() => readBenchCommand([flag])).toThrow();
  });
});
