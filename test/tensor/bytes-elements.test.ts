import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  bytesElements,
  countBytesElements,
  encodeBytesElements,
  skipBytesElements,
} from '../../src/tensor/bytes-elements.ts';
import { countedReads } from '../frontends/counted-reads.ts';

const elementsOf = (data: Uint8Array): number[][] => [...bytesElements(data)].map((element) => [...element]);

const anyElements = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

describe('elements of a BYTES tensor', () => {
  it('are decoded as they were encoded, NUL bytes and empty ones included', () => {
    fc.assert(
      fc.property(anyElements, (elements) => {
        const data = encodeBytesElements(elements);
        expect(elementsOf(data)).toEqual(elements.map((element) => [...element]));
        expect(countBytesElements(data)).toEqual({ count: elements.length, fault: 'none', leftBytes: 0 });
      }),
      { seed: 2 },
    );
  });

  it('have a little-endian length of four bytes in front', () => {
    const long = new Uint8Array(0x0102);
    const data = encodeBytesElements([long]);
    expect([...data.subarray(0, 4)]).toEqual([2, 1, 0, 0]);
    expect(data).toHaveLength(4 + 0x0102);
  });

  it('are views, not copies', () => {
    const data = encodeBytesElements([new Uint8Array([7, 8])]);
    const [element] = bytesElements(data);
    data[4] = 9;
    expect([...element]).toEqual([9, 8]);
  });

  it('are skipped up to any of them', () => {
    fc.assert(
      fc.property(anyElements, fc.nat(20), (elements, wish) => {
        const count = Math.min(wish, elements.length);
        const data = encodeBytesElements(elements);
        expect(skipBytesElements(data, 0, count)).toBe(encodeBytesElements(elements.slice(0, count)).length);
      }),
      { seed: 3 },
    );
  });
});

describe('broken BYTES data', () => {
  it('are counted up to the first that is too many, however many follow', () => {
    const many = countedReads(Buffer.alloc(4 * 100_000));
    expect(countBytesElements(many.bytes, 3)).toEqual({ count: 4, fault: 'none', leftBytes: 4 * 99_996 });
    expect(many.reads()).toBeLessThan(100);
    expect(countBytesElements(new Uint8Array(12), 3)).toEqual({ count: 3, fault: 'none', leftBytes: 0 });
  });

  it('is reported where the first fault is', () => {
    expect(countBytesElements(new Uint8Array([1, 0, 0]))).toEqual({ count: 0, fault: 'prefix', leftBytes: 3 });
    expect(countBytesElements(new Uint8Array([2, 0, 0, 0, 65]))).toEqual({ count: 0, fault: 'length', leftBytes: 5 });
    expect(countBytesElements(new Uint8Array([1, 0, 0, 0, 65, 9]))).toEqual({
      count: 1,
      fault: 'prefix',
      leftBytes: 1,
    });
    expect(countBytesElements(new Uint8Array([255, 255, 255, 255, 1])).fault).toBe('length');
    expect(countBytesElements(new Uint8Array([0, 0, 0, 128])).fault).toBe('length');
  });

  it('never throws, and yields the complete elements before the fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        const { count, fault, leftBytes } = countBytesElements(data);
        expect(elementsOf(data)).toHaveLength(count);
        expect(fault === 'none').toBe(leftBytes === 0);
        expect(skipBytesElements(data, 0, count)).toBe(data.length - leftBytes);
      }),
      { seed: 4 },
    );
  });
});
