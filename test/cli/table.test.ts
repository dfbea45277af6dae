import { describe, expect, it } from 'vitest';
import { columns, wrap } from '../../src/cli/table.ts';

describe('columns', () => {
  it('are as wide as their widest cell', () => {
    expect(
      columns(
        [
          ['a', 'long'],
          ['longer', 'b'],
        ],
        '  ',
      ),
    ).toBe('  a       long\n  longer  b');
  });

  it('show control characters of a model file instead of sending them to the terminal', () => {
    expect(columns([['a\u001b[31m\nb']])).toBe('a\\x1b[31m\\x0ab');
  });
});

describe('wrapping', () => {
  it('breaks at spaces and leaves long words whole', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensible x', 5)).toEqual(['incomprehensible', 'x']);
  });
});
