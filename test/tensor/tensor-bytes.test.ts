/** Bytes of a tensor as a view, or as a part of a region. */

import { describe, expect, it } from 'vitest';
import { hostBytes, RegionBytes } from '../../src/tensor/tensor-bytes.ts';

const memory = new ArrayBuffer(16);
const bytes = new Uint8Array(memory).fill(3);
const region = { memory, byteLength: 16 };

describe('a part of a region', () => {
  it('is read where it lies in the region', () => {
    const part = new RegionBytes(region, 4, 8);
    bytes[4] = 9;
    const view = part.view();
    expect([...view]).toEqual([9, 3, 3, 3, 3, 3, 3, 3]);
    expect([view.buffer === memory, view.byteOffset]).toEqual([true, 4]);
  });

  it('may be all of it, or nothing, also at its end', () => {
    expect(new RegionBytes(region, 0, 16).view().length).toBe(16);
    expect(new RegionBytes(region, 16, 0).view().length).toBe(0);
  });

  it.each([
    [0, 17],
    [16, 1],
    [17, 0],
    [-1, 2],
    [2, -1],
    [0.5, 2],
    [0, 1.5],
    [Number.NaN, 1],
    [1, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
    [2 ** 53, 2 ** 53],
  ])('cannot be %d and %d bytes', (offset, length) => {
    expect(() => new RegionBytes(region, offset, length)).toThrow(RangeError);
  });
});

describe('the bytes in this thread', () => {
  it('are the view itself, and a view of a part', () => {
    const view = Uint8Array.of(1, 2);
    expect(hostBytes(view)).toBe(view);
    const buffer = Buffer.from([1]);
    expect(hostBytes(buffer)).toBe(buffer);
    expect([...hostBytes(new RegionBytes({ memory: view.buffer, byteLength: 2 }, 1, 1))]).toEqual([2]);
  });
});
