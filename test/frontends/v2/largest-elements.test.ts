/** Both ways to find the largest elements, against each other and a sort. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestByHeap, largestElements } from '../../../src/frontends/v2/largest-elements.ts';
import type { TypedElements } from '../../../src/tensor/typed-elements.ts';

/** Larger first, NaN last, equal ones by index. */
function sorted(values: TypedElements, start: number, length: number, count: number): number[] {
  const order = (a: number, b: number): number => {
    const [x, y] = [Number(values[start + a]), Number(values[start + b])];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    return y - x || a - b;
  };
  return Array.from({ length }, (_, i) => i)
    .sort(order)
    .slice(0, count);
}

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-45, -1e-45, 1, -1];

const arrays: Readonly<Record<string, (numbers: readonly number[]) => TypedElements>> = {
  FP32: (numbers) => Float32Array.from(numbers),
  FP64: (numbers) => Float64Array.from(numbers),
  INT8: (numbers) => Int8Array.from(numbers),
  INT16: (numbers) => Int16Array.from(numbers),
  INT32: (numbers) => Int32Array.from(numbers),
  UINT8: (numbers) => Uint8Array.from(numbers),
  UINT16: (numbers) => Uint16Array.from(numbers),
  UINT32: (numbers) => Uint32Array.from(numbers),
  INT64: (numbers) => BigInt64Array.from(numbers, (one) => BigInt(Math.trunc(Number.isFinite(one) ? one : 7))),
};

/** Few different numbers are as likely as many. */
const anyNumber = fc.oneof(
  fc.constantFrom(...special),
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
  fc.float(),
);

describe('the largest elements', () => {
  it.each(Object.entries(arrays))('are those of a sort, of %s', (_datatype, make) => {
    const numbers = fc.array(anyNumber, { minLength: 1, maxLength: 40 });
    const property = fc.property(numbers, fc.nat(1500), fc.nat(5), (some, most, start) => {
      const repeats = Math.ceil(1600 / some.length);
      const values = make(Array.from({ length: repeats }, (_, i) => some.map((one) => one * (i % 7))).flat());
      const length = values.length - start;
      const count = Math.min(most, length);
      expect(Array.from(largestElements(values, start, length, count))).toEqual(sorted(values, start, length, count));
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('are found among equal ones by index', () => {
    expect(Array.from(largestElements(new Float32Array(5000), 0, 5000, 600))).toEqual(
      Array.from({ length: 600 }, (_, i) => i),
    );
  });

  it('by a heap need a number of comparisons that hardly grows with the count of classes', () => {
    const count = 1000;
    let reads = 0;
    const steps = (length: number): number => {
      reads = 0;
      const compared = largestByHeap(
        (index) => {
          reads++;
          return index;
        },
        length,
        count,
      );
      expect([compared[0], compared.length]).toEqual([length - 1, count]);
      return reads;
    };
    expect(steps(100_000)).toBeLessThan(100_000 * 2 * 2 * Math.log2(count));
  });
});
