/**
 * The tiny model: a perceptron 16-32-16 with 64 bytes in and 64 out, so small that a request costs only the path to it.
 */

import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, type InferCase, inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

const width = 16;
const hidden = 32;
const caseCount = 8;

const weights = seededNumbers(1);
const first = { weight: weights(width * hidden, 0.5), bias: weights(hidden, 0.5) };
const second = { weight: weights(hidden * width, 0.5), bias: weights(width, 0.5) };

export const tinyModel: ServedModel = {
  name: 'tiny',
  onnx: model({
    nodes: [
      node('Gemm', [inputName, 'w1', 'b1'], ['hidden']),
      node('Relu', ['hidden'], ['active']),
      node('Gemm', ['active', 'w2', 'b2'], [outputName]),
    ],
    inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', width]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', width]))],
    initializers: [
      initializer('w1', elem.float, [width, hidden], floats(first.weight)),
      initializer('b1', elem.float, [hidden], floats(first.bias)),
      initializer('w2', elem.float, [hidden, width], floats(second.weight)),
      initializer('b2', elem.float, [width], floats(second.bias)),
    ],
  }),
  // On the processor where there is a GPU as well: it stands for what a request costs, not for a model.
  config: 'max_batch_size: 64\ndynamic_batching { }\ninstance_group [ { kind: KIND_CPU } ]\n',
};

/** One dense layer of one row. */
function dense(row: Float32Array, layer: { weight: Float32Array; bias: Float32Array }): Float32Array {
  const outputs = layer.bias.length;
  return layer.bias.map((bias, column) =>
    row.reduce((sum, value, i) => sum + value * layer.weight[i * outputs + column], bias),
  );
}

export const tinyCases: readonly InferCase[] = Array.from({ length: caseCount }, (_, i) => {
  const row = seededNumbers(100 + i)(width, 1);
  const active = dense(row, first).map((value) => Math.max(0, value));
  return { model: tinyModel.name, shape: [1, width], input: fp32Bytes(row), expected: dense(active, second) };
});
