/**
 * A model whose time is computing: three convolutions over FP32 [3,32,32], some 6 ms for a batch of 8 on one processor,
 * 12 KB in and 40 bytes out.
 */

import {
  elem,
  floats,
  initializer,
  model,
  node,
  type TensorBytes,
  tensorType,
  valueInfo,
} from '../../test/models/onnx-writer.ts';
import { inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

export const computeRowShape = [3, 32, 32] as const;
export const computeRowElements = 3 * 32 * 32;
export const computeOutputElements = 10;
export const computeBatchRows = 8;

const channels = 48;
const weights = seededNumbers(3);

/** Weights of unit gain: the values stay of the same size from layer to layer. */
function weight(name: string, dims: readonly number[]): TensorBytes {
  const [, ...fanIn] = dims;
  const inputs = fanIn.reduce((product, dim) => product * dim, 1);
  return initializer(name, elem.float, dims, floats(weights(dims[0] * inputs, Math.sqrt(6 / inputs))));
}

const convolution = (input: string, weightName: string, output: string) => [
  node('Conv', [input, weightName], [`${output}_sum`], {
    kernel_shape: { ints: [3, 3] },
    pads: { ints: [1, 1, 1, 1] },
  }),
  node('Relu', [`${output}_sum`], [output]),
];

export const computeModel: ServedModel = {
  name: 'compute',
  onnx: model({
    nodes: [
      ...convolution(inputName, 'w1', 'a1'),
      ...convolution('a1', 'w2', 'a2'),
      ...convolution('a2', 'w3', 'a3'),
      node('GlobalAveragePool', ['a3'], ['pooled']),
      node('Flatten', ['pooled'], ['features']),
      node('Gemm', ['features', 'w4'], [outputName], { transB: { int: 1 } }),
    ],
    inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', ...computeRowShape]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', computeOutputElements]))],
    initializers: [
      weight('w1', [channels, 3, 3, 3]),
      weight('w2', [channels, channels, 3, 3]),
      weight('w3', [channels, channels, 3, 3]),
      weight('w4', [computeOutputElements, channels]),
    ],
  }),
  config: `max_batch_size: ${computeBatchRows}
dynamic_batching { }
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`,
};

/** One row of input. */
export const computeRow = (seed: number): Float32Array => seededNumbers(300 + seed)(computeRowElements, 1);
