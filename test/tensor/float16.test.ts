import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloat16Bits,
  bfloat16Limit,
  bfloat16Number,
  float16Bits,
  float16Limit,
  float16Number,
} from '../../src/tensor/float16.ts';

const formats = [
  { name: 'FP16', toBits: float16Bits, toNumber: float16Number, infinity: 0x7c00, limit: float16Limit },
  { name: 'BF16', toBits: bfloat16Bits, toNumber: bfloat16Number, infinity: 0x7f80, limit: bfloat16Limit },
];

describe.each(formats)('$name', ({ toBits, toNumber, infinity, limit }) => {
  it('gives every one of its numbers back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = toNumber(bits);
      if (Number.isNaN(value)) expect(Number.isNaN(toNumber(toBits(value)))).toBe(true);
      else if (toBits(value) !== bits) expect.fail(`${bits.toString(16)} came back as ${toBits(value).toString(16)}`);
    }
  });

  it('rounds to the nearest, to the even one of two', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: infinity - 2 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (bits, part) => {
          const low = toNumber(bits);
          const high = toNumber(bits + 1);
          const value = low + (high - low) * part;
          const [below, above] = [value - low, high - value];
          const expected = below < above || (below === above && bits % 2 === 0) ? bits : bits + 1;
          expect(toBits(value)).toBe(expected);
          expect(toBits(-value)).toBe(expected + 0x8000);
        },
      ),
      { seed: 11, numRuns: 2000 },
    );
  });

  it('reaches infinity exactly at its limit', () => {
    expect(toBits(limit)).toBe(infinity);
    expect(toBits(limit * (1 - Number.EPSILON))).toBe(infinity - 1);
    expect(toBits(Number.MAX_VALUE)).toBe(infinity);
    expect(toBits(Number.NEGATIVE_INFINITY)).toBe(infinity + 0x8000);
  });

  it('keeps the sign of zero', () => {
    expect(toBits(-0)).toBe(0x8000);
    expect(Object.is(toNumber(0x8000), -0)).toBe(true);
  });
});

describe('known values', () => {
  it.each([
    [1, 0x3c00, 0x3f80],
    [-2, 0xc000, 0xc000],
    [0.1, 0x2e66, 0x3dcd],
    [2 ** -24, 0x0001, 0x3380],
  ])('%d', (value, half, brain) => {
    expect(float16Bits(value)).toBe(half);
    expect(bfloat16Bits(value)).toBe(brain);
  });
});
