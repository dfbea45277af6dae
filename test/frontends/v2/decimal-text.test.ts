import { describe, expect, it } from 'vitest';
import { sixDecimals } from '../../../src/frontends/v2/decimal-text.ts';

describe('sixDecimals', () => {
  it.each([
    [0.875, '0.875000'],
    [-1.5, '-1.500000'],
    [0, '0.000000'],
    [-0, '-0.000000'],
    [-1e-9, '-0.000000'],
    [123456.7890129, '123456.789013'],
    [1e21, '1000000000000000000000.000000'],
    [-(2 ** 100), '-1267650600228229401496703205376.000000'],
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ])('writes %d as C++ does: %s', (value, text) => {
    expect(sixDecimals(value)).toBe(text);
  });

  it('rounds a tie to the even digit, where toFixed rounds up', () => {
    expect(sixDecimals(1 / 128)).toBe('0.007812');
    expect((1 / 128).toFixed(6)).toBe('0.007813');
    expect(sixDecimals(3 / 128)).toBe('0.023438');
    expect(sixDecimals(-5 / 128)).toBe('-0.039062');
  });
});
