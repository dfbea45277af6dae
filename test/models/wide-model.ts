/** A model whose answer is much larger than its request: OUTPUT = INPUT + one row of zeros, FP32 [-1, 1] → [-1, columns]. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { elem, initializer, model, node, tensorType, valueInfo } from './onnx-writer.ts';

export async function placeWideModel(repository: string, name: string, columns: number): Promise<void> {
  const folder = join(repository, name, '1');
  await mkdir(folder, { recursive: true });
  const bytes = model({
    nodes: [node('Add', ['INPUT', 'zeros'], ['OUTPUT'])],
    inputs: [valueInfo('INPUT', tensorType(elem.float, ['batch', 1]))],
    outputs: [valueInfo('OUTPUT', tensorType(elem.float, ['batch', columns]))],
    initializers: [initializer('zeros', elem.float, [1, columns], new Uint8Array(columns * 4))],
  });
  await writeFile(join(folder, 'model.onnx'), bytes);
}

/** A protobuf field of bytes that are shorter than 128. */
function short(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

/** An encoded `ModelInferRequest` of one row for such a model; all elements of the answer have that value. */
export function wideInfer(name: string, value = 0): Buffer {
  const input = [short(1, Buffer.from('INPUT')), short(2, Buffer.from('FP32')), short(3, Buffer.from([1, 1]))];
  return Buffer.concat([
    short(1, Buffer.from(name)),
    short(5, Buffer.concat(input)),
    short(7, Buffer.from(new Float32Array([value]).buffer)),
  ]);
}
