/** Models whose answers tell which version gave them: OUTPUT = INPUT + version, FP32 [-1, 4]. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { elem, initializer, model, node, tensorType, valueInfo } from './onnx-writer.ts';

/** Bytes of a model that adds `version` to its input. */
export function versionedModel(version: number): Uint8Array {
  const constant = new Uint8Array(new Float32Array([version]).buffer);
  return model({
    nodes: [node('Add', ['INPUT', 'version'], ['OUTPUT'])],
    inputs: [valueInfo('INPUT', tensorType(elem.float, ['batch', 4]))],
    outputs: [valueInfo('OUTPUT', tensorType(elem.float, ['batch', 4]))],
    initializers: [initializer('version', elem.float, [1], constant)],
  });
}

/** Writes version `version` of model `name` as an operator would: aside first, then moved into place. */
export async function placeVersion(repository: string, name: string, version: number): Promise<void> {
  const target = join(repository, name, String(version));
  const aside = join(repository, name, `.incoming-${version}`);
  await mkdir(aside, { recursive: true });
  await writeFile(join(aside, 'model.onnx'), versionedModel(version));
  await rename(aside, target);
}
