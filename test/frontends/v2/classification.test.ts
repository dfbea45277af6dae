import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/frontends/v2/classification.ts';
import type { OutputTensor } from '../../../src/inference/response.ts';
import { bytesElements } from '../../../src/tensor/bytes-elements.ts';
import type { Datatype } from '../../../src/tensor/datatype.ts';
import { output } from '../../fakes/fake-inference-server.ts';

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const scores = (
  datatype: Datatype,
  shape: readonly number[],
  array: ArrayBufferView,
  count: number,
  labels: readonly string[] = [],
): OutputTensor => output({ name: 'SCORES', datatype, shape, data: bytesOf(array) }, count, labels);

const texts = (data: Uint8Array): string[] =>
  Array.from(bytesElements(data), (element) => Buffer.from(element).toString());

describe('classify', () => {
  it('tells the largest values with their index and label, largest first', () => {
    const tensor = scores('FP32', [4], Float32Array.of(0.1, 0.875, -3, 0.5), 3, ['ant', 'bee', 'cat']);
    const { shape, data } = classify(tensor, false);
    expect(shape).toEqual([3]);
    expect(texts(data)).toEqual(['0.875000:1:bee', '0.500000:3', '0.100000:0:ant']);
  });

  it('classifies every item of a batch by itself', () => {
    const tensor = scores('INT32', [2, 3], Int32Array.of(1, 3, 2, 9, 7, 8), 2);
    const { shape, data } = classify(tensor, true);
    expect(shape).toEqual([2, 2]);
    expect(texts(data)).toEqual(['3:1', '2:2', '9:0', '8:2']);
  });

  it('gives no more classes than an item has elements', () => {
    const { shape, data } = classify(scores('UINT8', [1, 2], Uint8Array.of(4, 5), 10), true);
    expect(shape).toEqual([1, 2]);
    expect(texts(data)).toEqual(['5:1', '4:0']);
  });

  it('keeps 64-bit integers exact', () => {
    const tensor = scores('INT64', [2], BigInt64Array.of(2n ** 62n + 1n, 2n ** 62n), 2);
    expect(texts(classify(tensor, false).data)).toEqual(['4611686018427387905:0', '4611686018427387904:1']);
  });

  it('puts NaN last and orders equal values by index', () => {
    const tensor = scores('FP64', [5], Float64Array.of(Number.NaN, 1, Number.NEGATIVE_INFINITY, 1, Number.NaN), 5);
    expect(texts(classify(tensor, false).data)).toEqual(['1.000000:1', '1.000000:3', '-inf:2', 'nan:0', 'nan:4']);
  });

  it('leaves out the label where it is empty', () => {
    const tensor = scores('INT8', [2], Int8Array.of(-1, -2), 2, ['', 'two']);
    expect(texts(classify(tensor, false).data)).toEqual(['-1:0', '-2:1:two']);
  });

  it('answers an empty item with no classes', () => {
    const { shape, data } = classify(scores('FP32', [3, 0], new Float32Array(0), 2), true);
    expect(shape).toEqual([3, 0]);
    expect(data).toHaveLength(0);
  });

  it('takes bytes that are not aligned to their elements', () => {
    const shifted = new Uint8Array(9);
    shifted.set(bytesOf(Float32Array.of(1, 2)), 1);
    expect(texts(classify(scores('FP32', [2], shifted.subarray(1), 1), false).data)).toEqual(['2.000000:1']);
  });

  it.each(['BYTES', 'BOOL', 'FP16', 'BF16'] as const)('refuses %s', (datatype) => {
    expect(() => classify(scores(datatype, [1], new Uint8Array(4), 1), false)).toThrow(
      `class result not available for output due to unsupported type '${datatype}'`,
    );
  });

  it('refuses more than a million elements', () => {
    const tensor = scores('UINT8', [1_000_001], new Uint8Array(1_000_001), 1);
    expect(() => classify(tensor, false)).toThrow('classification output tensor too large');
  });

  it('refuses more classes than one answer should have', () => {
    const values = Uint8Array.from({ length: 70_000 }, (_, i) => i);
    expect(() => classify(scores('UINT8', [70_000], values, 70_000), false)).toThrow(
      "classification of output 'SCORES' has 70000 classes: expected at most 65536 in one answer",
    );
    expect(classify(scores('UINT8', [70_000], values, 65_536), false).shape).toEqual([65_536]);
  });

  it('writes long texts and labels that are not ASCII', () => {
    const labels = Array.from({ length: 2000 }, (_, i) => (i % 3 === 0 ? `größer als ${'ß'.repeat(i % 50)}` : ''));
    const values = Float32Array.from({ length: 2000 }, (_, i) => (2000 - i) * 1e30);
    const { data } = classify(scores('FP32', [2000], values, 2000, labels), false);
    const expected = labels.map((label, i) => `${BigInt(values[i])}.000000:${i}${label === '' ? '' : `:${label}`}`);
    expect(texts(data)).toEqual(expected);
  });

  it('agrees with sorting for every count, short or long', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 80 }),
        (values, count) => {
          const sorted = values.map((value, index) => ({ value, index }));
          sorted.sort((a, b) => b.value - a.value || a.index - b.index);
          const expected = sorted.slice(0, count).map(({ value, index }) => `${value}:${index}`);
          expect(texts(classify(scores('INT32', [values.length], Int32Array.from(values), count), false).data)).toEqual(
            expected,
          );
        },
      ),
      { seed: 7 },
    );
  });
});
