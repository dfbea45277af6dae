/** The copy of a model that leaves its large weights in the file. */

import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/engine/onnx-file/byte-source.ts';
import { readOnnxSource } from '../../src/engine/onnx-file/read-onnx-file.ts';
import { withoutWeightsOf } from '../../src/engine/onnx-file/without-weights.ts';
import {
  elem,
  floats,
  graph,
  initializer,
  int64s,
  model,
  type NodeBytes,
  node,
  type TensorBytes,
  tensorType,
  valueInfo,
} from '../models/onnx-writer.ts';

const elements = 256 * 256;
const numbers = (first: number): Uint8Array => floats(Array.from({ length: elements }, (_, i) => first + i));
const shape = initializer('shape', elem.int64, [2], int64s([-1, elements]));

const modelWith = (...initializers: readonly TensorBytes[]): Uint8Array =>
  model({
    nodes: [node('Reshape', ['x', 'shape'], ['r']), node('Add', ['r', 'w'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['batch', elements]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['batch', elements]))],
    initializers: [shape, ...initializers],
    producer: 'exporter',
  });
const large = (name: string, first: number): TensorBytes => initializer(name, elem.float, [256, 256], numbers(first));

const read = (bytes: Uint8Array) => readOnnxSource(bytesSource('m.onnx', bytes));
const copies = (bytes: Uint8Array) => withoutWeightsOf(bytesSource('m.onnx', bytes), 'm.onnx');
const rewrite = async (bytes: Uint8Array) => (await copies(bytes)).toInspect;

describe('a model without its weights', () => {
  it('refers to the bytes of each in the file, and is the same model otherwise', async () => {
    const bytes = modelWith(large('w', 1), large('v', 2));
    const copy = (await rewrite(bytes)) as Uint8Array;
    expect(copy.length).toBeLessThan(1000);
    const { externalData, sizeBytes, ...facts } = await read(copy);
    expect({ ...facts, externalData: [], sizeBytes: bytes.length }).toEqual(await read(bytes));
    expect(sizeBytes).toBe(copy.length);
    expect(externalData.map(({ tensor, location }) => [tensor, location])).toEqual([
      ['w', 'm.onnx'],
      ['v', 'm.onnx'],
    ]);
    for (const [index, { offset, length, tensorBytes }] of externalData.entries()) {
      expect(Number(length)).toBe(tensorBytes);
      const from = Number(offset);
      expect(Buffer.compare(bytes.subarray(from, from + Number(length)), numbers(index + 1))).toBe(0);
    }
  });

  it('keeps its small tensors, whose values decide about shapes', async () => {
    const copy = Buffer.from((await rewrite(modelWith(large('w', 1)))) as Uint8Array);
    expect(copy.includes(Buffer.from(int64s([-1, elements])))).toBe(true);
  });

  it('keeps tensors whose bytes are not as their dimensions say, for the runtime to refuse', async () => {
    const wrong = initializer('v', elem.float, [256, 255], numbers(2));
    const many = Array.from({ length: 5 }, (_, i) => large(`w${i}`, i));
    const copy = (await rewrite(modelWith(large('w', 1), wrong, ...many))) as Uint8Array;
    expect(Buffer.from(copy).includes(Buffer.from(numbers(2)))).toBe(true);
    expect((await read(copy)).externalData).toHaveLength(6);
  });

  it('keeps the tensors of inner graphs', async () => {
    const branch = graph({ nodes: [], inputs: [], outputs: [], initializers: [large('inner', 5)] });
    const bytes = model({
      nodes: [node('If', ['c'], ['y'], { then_branch: { graph: branch } })],
      inputs: [valueInfo('c', tensorType(elem.bool, []))],
      outputs: [valueInfo('y', tensorType(elem.float, null))],
      initializers: Array.from({ length: 5 }, (_, i) => large(`w${i}`, i)),
    });
    const copy = (await rewrite(bytes)) as Uint8Array;
    expect((await read(copy)).externalData).toHaveLength(5);
    expect(Buffer.from(copy).includes(Buffer.from(numbers(5)))).toBe(true);
  });

  it('is not made where most bytes are no large weights', async () => {
    const small = Array.from({ length: 64 }, (_, i) =>
      initializer(`s${i}`, elem.float, [64, 64], new Uint8Array(16_384)),
    );
    expect(await rewrite(modelWith(large('w', 1), ...small))).toBeNull();
  });

  describe('to serve', () => {
    const indexOfFirst = (bytes: Uint8Array): number => Buffer.from(bytes).indexOf(numbers(1));
    const aligned = (bytes: Uint8Array): boolean => indexOfFirst(bytes) % 4 === 0;
    /** The same model with its one weight at an address of each remainder. */
    const models = (...nodes: readonly NodeBytes[]): readonly Uint8Array[] =>
      [0, 1, 2, 3].map((padding) =>
        model({
          nodes: [...nodes],
          inputs: [valueInfo('x', tensorType(elem.float, ['batch', 256]))],
          outputs: [valueInfo('y', tensorType(elem.float, ['batch', 256]))],
          initializers: [initializer('p'.repeat(8 + padding), elem.int64, [0], new Uint8Array(0)), large('w', 1)],
        }),
      );

    it('leaves weights in the file, wherever they lie there, for operators that read any address', async () => {
      const all = models(node('MatMul', ['x', 'w'], ['y']));
      expect(new Set(all.map((bytes) => indexOfFirst(bytes) % 4)).size).toBe(4);
      for (const bytes of all) {
        const { toInspect, toServe } = await copies(bytes);
        expect(toServe).not.toBeNull();
        expect(toServe).toBe(toInspect);
      }
    });

    it.each([
      ['another operator', [node('Add', ['x', 'w'], ['y'])]],
      ['another input of the operator', [node('MatMul', ['w', 'x'], ['y'])]],
      ['an operator of that name in another domain', [node('MatMul', ['x', 'w'], ['y'], {}, 'com.example')]],
      ['a second operator', [node('MatMul', ['x', 'w'], ['y']), node('Add', ['x', 'w'], ['z'])]],
    ])('copies weights that %s reads, unless they are aligned', async (_, nodes) => {
      for (const bytes of models(...nodes)) {
        const { toInspect, toServe } = await copies(bytes);
        expect(toInspect).not.toBeNull();
        expect(toServe !== null).toBe(aligned(bytes));
      }
    });

    it('copies weights that an inner graph reads, unless they are aligned', async () => {
      const branch = graph({ nodes: [node('Add', ['x', 'w'], ['r'])], inputs: [], outputs: [], initializers: [] });
      for (const bytes of models(node('If', ['c'], ['y'], { then_branch: { graph: branch } }))) {
        expect((await copies(bytes)).toServe !== null).toBe(aligned(bytes));
      }
    });
  });
});
