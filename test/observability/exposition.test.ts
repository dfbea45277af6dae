import { describe, expect, it } from 'vitest';
import { headText, sampleText, SeriesLabels } from '../../src/observability/exposition.ts';

const labels = new SeriesLabels([
  ['version', '1'],
  ['_team', 'a'],
  ['model', 'm'],
]);

describe('the labels of a sample', () => {
  it('are in order of their names, with its own label in its place', () => {
    expect(labels.with(null)).toBe('{_team="a",model="m",version="1"}');
    expect(labels.with(['reason', 'OTHER'])).toBe('{_team="a",model="m",reason="OTHER",version="1"}');
    expect(labels.with(['A', 'x'])).toBe('{A="x",_team="a",model="m",version="1"}');
    expect(labels.with(['zone', 'x'])).toBe('{_team="a",model="m",version="1",zone="x"}');
  });

  it('end with that of a bucket or quantile', () => {
    expect(labels.with(['le', '5'])).toBe('{_team="a",model="m",version="1",le="5"}');
    expect(labels.with(['quantile', '0.5'])).toBe('{_team="a",model="m",version="1",quantile="0.5"}');
  });

  it('are escaped', () => {
    const odd = new SeriesLabels([['model', 'a"b\\c\nd']]);
    expect(odd.with(['reason', '"'])).toBe('{model="a\\"b\\\\c\\nd",reason="\\""}');
  });

  it('may be missing', () => {
    const none = new SeriesLabels([]);
    expect(none.with(null)).toBe('');
    expect(none.with(['quantile', '1'])).toBe('{quantile="1"}');
  });
});

describe('the lines of a family', () => {
  it('begin with its help and type', () => {
    expect(headText({ name: 'x_total', type: 'counter', help: 'a\\b\nc' })).toBe(
      '# HELP x_total a\\\\b\\nc\n# TYPE x_total counter\n',
    );
  });

  it('give values as Triton writes them, also those that are no number', () => {
    const none = new SeriesLabels([]);
    const line = (value: number) => sampleText('x', none, { suffix: '_sum', label: null, value });
    expect([line(1.5), line(Number.NaN), line(Number.POSITIVE_INFINITY), line(Number.NEGATIVE_INFINITY)]).toEqual([
      'x_sum 1.5\n',
      'x_sum Nan\n',
      'x_sum +Inf\n',
      'x_sum -Inf\n',
    ]);
  });
});
