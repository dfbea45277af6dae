/** A model of 400 MiB of weights with which one row is computed in little time: what its load costs is opening it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elem, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, inputName, outputName } from '../load/infer-case.ts';
import { BareLoop } from '../process/bare-loop.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';
import { WeightPool } from './weight-pool.ts';

/** A matrix has 16 MiB. */
const width = 2048;
const productCount = 25;
const products = Array.from({ length: productCount }, (_, i) => i);
const valueAfter = (product: number): string => (product === productCount ? outputName : `product${product}`);

export function largeProducts(name: string): ServedModel {
  const weights = new WeightPool('FP32', 9);
  return {
    name,
    onnx: model({
      nodes: products.map((i) => node('MatMul', [i === 0 ? inputName : valueAfter(i), `w${i}`], [valueAfter(i + 1)])),
      inputs: [valueInfo(inputName, tensorType(elem.float, ['batch', width]))],
      outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', width]))],
      initializers: products.map((i) => weights.weight(`w${i}`, [width, width], width)),
    }),
    config: `max_batch_size: 1
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`,
  };
}

/** ONNX Runtime alone, with the model in `modelFile` open; writes a row of input into `folder`. */
export function largeBareLoop(modelFile: string, folder: string): BareLoop {
  const rowsFile = join(folder, '.rows');
  writeFileSync(rowsFile, fp32Bytes(seededNumbers(710)(width, 1)));
  const shape = { outputElementsPerRow: width, rowShape: [width] };
  return new BareLoop({ modelFile, rowsFile, threads: 1, device: 'cpu', datatype: 'FP32', ...shape }, null);
}
