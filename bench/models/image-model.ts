/**
 * An image tensor, FP32 [3,224,224] = 602,112 bytes, in and 192 bytes out. The model picks every 56th pixel of every 56th
 * line: next to no computing, an exact answer, and bytes from all over the image, so that a shifted one is noticed.
 */

import { elem, initializer, int64s, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, type InferCase, inputName, outputName } from '../load/infer-case.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

const channels = 3;
const side = 224;
const step = 56;
const picked = side / step;
const caseCount = 4;

const constant = (name: string, values: readonly number[]) =>
  initializer(name, elem.int64, [values.length], int64s(values));

export const imageModel: ServedModel = {
  name: 'image',
  onnx: model({
    nodes: [node('Slice', [inputName, 'starts', 'ends', 'axes', 'steps'], [outputName])],
    inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', channels, side, side]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', channels, picked, picked]))],
    initializers: [
      constant('starts', [0, 0]),
      constant('ends', [side, side]),
      constant('axes', [2, 3]),
      constant('steps', [step, step]),
    ],
  }),
  config: 'max_batch_size: 8\ndynamic_batching { }\ninstance_group [ { kind: KIND_CPU } ]\n',
};

export const imageCases: readonly InferCase[] = Array.from({ length: caseCount }, (_, i) => {
  const image = seededNumbers(200 + i)(channels * side * side, 1);
  const expected = new Float32Array(channels * picked * picked);
  for (let k = 0; k < expected.length; k += 1) {
    const channel = Math.floor(k / (picked * picked));
    const line = Math.floor(k / picked) % picked;
    expected[k] = image[(channel * side + line * step) * side + (k % picked) * step];
  }
  return { model: imageModel.name, shape: [1, channels, side, side], input: fp32Bytes(image), expected };
});
