/**
 * Models whose only cost is a large tensor: one with a large output from one number, one with a large input of which it
 * gives the first elements back. Every answer is compared to the last bit.
 */

import { elem, initializer, int64s, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, type InferCase, inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

export const tensorSizes = [
  ['256 KiB', 256 * 1024],
  ['4 MiB', 4 * 1024 * 1024],
  ['16 MiB', 16 * 1024 * 1024],
] as const;

export type Direction = 'out' | 'in';

const answeredElements = 16;
const caseCount = 2;
const config = 'max_batch_size: 0\ninstance_group [ { count: 1 kind: KIND_CPU } ]\n';

/** The bytes are in the name, so that a server without models knows how large its answer has to be. */
export const tensorModelName = (direction: Direction, bytes: number): string => `${direction}-${bytes}`;

export function tensorModel(direction: Direction, bytes: number): ServedModel {
  const columns = bytes / 4;
  const [inputs, outputs] = direction === 'out' ? [1, columns] : [columns, answeredElements];
  const isOut = direction === 'out';
  return {
    name: tensorModelName(direction, bytes),
    onnx: model({
      nodes: [
        isOut
          ? node('Expand', [inputName, 'shape'], [outputName])
          : node('Slice', [inputName, 'from', 'to', 'axis'], [outputName]),
      ],
      inputs: [valueInfo(inputName, tensorType(elem.float, [1, inputs]))],
      outputs: [valueInfo(outputName, tensorType(elem.float, [1, outputs]))],
      initializers: isOut
        ? [initializer('shape', elem.int64, [2], int64s([1, columns]))]
        : [
            initializer('from', elem.int64, [1], int64s([0])),
            initializer('to', elem.int64, [1], int64s([answeredElements])),
            initializer('axis', elem.int64, [1], int64s([1])),
          ],
    }),
    config,
  };
}

export const tensorCases = (direction: Direction, bytes: number): readonly InferCase[] =>
  Array.from({ length: caseCount }, (_, i) => {
    const columns = bytes / 4;
    const input = seededNumbers(800 + i)(direction === 'out' ? 1 : columns, 1);
    const expected = direction === 'out' ? new Float32Array(columns).fill(input[0]) : input.slice(0, answeredElements);
    const shape = [1, input.length];
    return { model: tensorModelName(direction, bytes), shape, input: fp32Bytes(input), expected };
  });
