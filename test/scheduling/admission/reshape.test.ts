import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { reshaped } from '../../../src/scheduling/admission/reshape.ts';
import { elementCount } from '../../../src/tensor/shape.ts';

describe('reshaping', () => {
  it('replaces fixed dimensions and keeps the batch dimension', () => {
    expect(reshaped([5, 16], 1, [16], [4, 4])).toEqual([5, 4, 4]);
    expect(reshaped([16], 0, [16], [4, 4])).toEqual([4, 4]);
    expect(reshaped([5, 1], 1, [1], [])).toEqual([5]);
    expect(reshaped([5], 1, [], [1])).toEqual([5, 1]);
  });

  it('refuses a shape that does not fit', () => {
    expect(reshaped([5, 15], 1, [16], [4, 4])).toBeNull();
    expect(reshaped([5, 16, 1], 1, [16], [4, 4])).toBeNull();
    expect(reshaped([], 1, [16], [4, 4])).toBeNull();
  });

  it('there and back is the same shape, with the same number of elements', () => {
    const part = fc.oneof(fc.constant('open' as const), fc.integer({ min: 1, max: 6 }));
    const anyCase = fc.tuple(
      fc.array(part, { maxLength: 5 }),
      fc.array(fc.nat(7), { minLength: 5, maxLength: 5 }),
      fc.nat(8),
    );
    fc.assert(
      fc.property(anyCase, ([parts, extents, rows]) => {
        const from = parts.map((one) => (one === 'open' ? -1 : one));
        // The same open dimensions in order, the fixed ones folded into one in front of each.
        const to = parts.flatMap((one) => (one === 'open' ? [-1] : [1, one]));
        const shape = [rows, ...from.map((dim, i) => (dim === -1 ? extents[i] : dim))];
        const there = reshaped(shape, 1, from, to);
        expect(there).not.toBeNull();
        expect(elementCount(there!)).toBe(elementCount(shape));
        expect(reshaped(there!, 1, to, from)).toEqual(shape);
      }),
      { seed: 40 },
    );
  });
});
