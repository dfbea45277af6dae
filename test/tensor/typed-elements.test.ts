import { describe, expect, it } from 'vitest';
import { type NumericDatatype, typedElements } from '../../src/tensor/typed-elements.ts';

describe('typedElements', () => {
  it('is a view where the bytes are aligned and a copy where they are not', () => {
    const bytes = new Uint8Array(new Float32Array([1, 2, 3]).buffer);
    const view = typedElements('FP32', bytes.subarray(4));
    expect(view).toEqual(new Float32Array([2, 3]));
    expect(view.buffer).toBe(bytes.buffer);

    const shifted = new Uint8Array(13);
    shifted.set(bytes, 1);
    const copy = typedElements('FP32', shifted.subarray(1));
    expect(copy).toEqual(new Float32Array([1, 2, 3]));
    expect(copy.buffer).not.toBe(shifted.buffer);
    expect(typedElements('FP32', Buffer.from(shifted.buffer).subarray(1))).toEqual(copy);
  });

  it.each([
    ['BOOL', Uint8Array],
    ['UINT8', Uint8Array],
    ['INT8', Int8Array],
    ['UINT16', Uint16Array],
    ['INT16', Int16Array],
    ['FP16', Uint16Array],
    ['BF16', Uint16Array],
    ['UINT32', Uint32Array],
    ['INT32', Int32Array],
    ['UINT64', BigUint64Array],
    ['INT64', BigInt64Array],
    ['FP32', Float32Array],
    ['FP64', Float64Array],
  ] as const)('reads %s as its own kind of array', (datatype: NumericDatatype, kind) => {
    const elements = typedElements(datatype, new Uint8Array(16));
    expect(elements).toBeInstanceOf(kind);
    expect(elements).toHaveLength(16 / elements.BYTES_PER_ELEMENT);
  });

  it('leaves out a rest that is no element', () => {
    expect(typedElements('INT32', new Uint8Array(7))).toHaveLength(1);
  });
});
