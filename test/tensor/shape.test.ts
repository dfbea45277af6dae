import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { elementCount, matchesPattern, shapeText } from '../../src/tensor/shape.ts';

describe('the number of elements', () => {
  it.each([
    [[], 1],
    [[3], 3],
    [[2, 3, 4], 24],
    [[2, 0, 4], 0],
    [[2 ** 53 - 1], 2 ** 53 - 1],
    [[2 ** 40, 2 ** 40, 0], 0],
  ])('of %j is %d', (shape, count) => {
    expect(elementCount(shape)).toBe(count);
  });

  it.each([
    [[-1]],
    [[2, -3]],
    [[-2, -2]],
    [[1.5]],
    [[Number.NaN]],
    [[Number.POSITIVE_INFINITY]],
    [[2 ** 53]],
    [[2 ** 32, 2 ** 32]],
    [[2 ** 40, 2 ** 40, -1]],
    [[2 ** 40, 2 ** 40, -1, 0]],
    [[0, -1]],
  ])('of %j does not exist', (shape) => {
    expect(elementCount(shape)).toBeNull();
  });

  it('is the exact product or nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 31), { maxLength: 6 }), (shape) => {
        const exact = shape.reduce((product, dim) => product * BigInt(dim), 1n);
        const count = elementCount(shape);
        if (exact <= BigInt(Number.MAX_SAFE_INTEGER)) expect(count).toBe(Number(exact));
        else expect(count).toBeNull();
      }),
      { seed: 1 },
    );
  });
});

describe('a pattern', () => {
  it('matches every extent at -1 and only equal ones elsewhere', () => {
    expect(matchesPattern([4, 16], [-1, 16])).toBe(true);
    expect(matchesPattern([0, 16], [-1, 16])).toBe(true);
    expect(matchesPattern([4, 15], [-1, 16])).toBe(false);
    expect(matchesPattern([4], [-1, 16])).toBe(false);
    expect(matchesPattern([], [])).toBe(true);
  });
});

describe('shapes', () => {
  it('are printed without spaces', () => {
    expect(shapeText([-1, 16])).toBe('[-1,16]');
    expect(shapeText([])).toBe('[]');
  });

  it('is printed with at most 32 dimensions', () => {
    expect(shapeText(Array(32).fill(7))).toBe(`[${'7,'.repeat(31)}7]`);
    expect(shapeText(Array(4096).fill(7))).toBe(`[${'7,'.repeat(32)}…] of 4096 dimensions`);
  });
});
