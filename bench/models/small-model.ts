/** The small model: a perceptron 256-512-256-16 with 1 KB in, some 30 us of arithmetic for one row and far less in a batch. */

import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, type InferCase, inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

const widths = [256, 512, 256, 16] as const;
const caseCount = 8;
const layerCount = widths.length - 1;

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

const weights = seededNumbers(4);
const layers: readonly Layer[] = Array.from({ length: layerCount }, (_, i) => {
  const [inputs, outputs] = [widths[i], widths[i + 1]];
  // Unit gain: the values stay of the same size from layer to layer.
  return { inputs, outputs, weight: weights(inputs * outputs, Math.sqrt(6 / inputs)), bias: weights(outputs, 0.5) };
});

const isLast = (layer: number): boolean => layer === layerCount - 1;

export const smallModel: ServedModel = {
  name: 'small',
  onnx: model({
    nodes: layers.flatMap((_, i) => {
      const sum = isLast(i) ? outputName : `sum${i}`;
      const dense = node('Gemm', [i === 0 ? inputName : `active${i - 1}`, `w${i}`, `b${i}`], [sum]);
      return isLast(i) ? [dense] : [dense, node('Relu', [sum], [`active${i}`])];
    }),
    inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', widths[0]]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', widths[layerCount]]))],
    initializers: layers.flatMap(({ inputs, outputs, weight, bias }, i) => [
      initializer(`w${i}`, elem.float, [inputs, outputs], floats(weight)),
      initializer(`b${i}`, elem.float, [outputs], floats(bias)),
    ]),
  }),
  config: `max_batch_size: 64
dynamic_batching { }
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`,
};

/** In double precision, rounded at the end. */
function answer(row: Float32Array): Float32Array {
  let values = Float64Array.from(row);
  for (const [i, { outputs, weight, bias }] of layers.entries()) {
    const sums = Float64Array.from(bias);
    for (const [from, value] of values.entries()) {
      for (let to = 0; to < outputs; to += 1) sums[to] += value * weight[from * outputs + to];
    }
    values = isLast(i) ? sums : sums.map((sum) => Math.max(0, sum));
  }
  return Float32Array.from(values);
}

export const smallCases: readonly InferCase[] = Array.from({ length: caseCount }, (_, i) => {
  const row = seededNumbers(500 + i)(widths[0], 1);
  return { model: smallModel.name, shape: [1, widths[0]], input: fp32Bytes(row), expected: answer(row) };
});
