/**
 * A compute-bound model with messages of 4 KB: four products with a matrix of 1024 x 1024, so one row takes about a
 * millisecond, and 64 rows little more than eight. A collection that stops the event loop for milliseconds shows here.
 */

import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, type InferCase, inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

const width = 1024;
const productCount = 4;
const caseCount = 4;

const weights = seededNumbers(7);
// Unit gain: the values stay of the same size from product to product.
const weight = (): Float32Array => weights(width * width, Math.sqrt(3 / width));

const nameAfter = (product: number): string => (product === productCount ? outputName : `product${product}`);
const products = Array.from({ length: productCount }, (_, i) => i);

export const productsModel: ServedModel = {
  name: 'products',
  onnx: model({
    nodes: products.map((i) => node('MatMul', [i === 0 ? inputName : nameAfter(i), `w${i}`], [nameAfter(i + 1)])),
    inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', width]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', width]))],
    initializers: products.map((i) => initializer(`w${i}`, elem.float, [width, width], floats(weight()))),
  }),
  config: `max_batch_size: 64
dynamic_batching { }
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`,
};

/** Answers are not compared: `compute` does that for a model of this kind. */
export const productsCases: readonly InferCase[] = Array.from({ length: caseCount }, (_, i) => {
  const row = seededNumbers(700 + i)(width, 1);
  return { model: productsModel.name, shape: [1, width], input: fp32Bytes(row), expected: null };
});
