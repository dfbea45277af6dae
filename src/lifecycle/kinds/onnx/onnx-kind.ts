/** The servable kind of ONNX models: a file, sessions and instances of the engine, a scheduler of their own. */

import { CutOffError } from '../../../engine/onnx-file/cut-off-error.ts';
import { readOpenableModel } from '../../../engine/openable-model.ts';
import { toInferenceError } from '../../../errors.ts';
import type { ServableKind, ServableTools, VersionTask } from '../../servable.ts';
import { loadOnnx, resolveFor } from './load-onnx.ts';
import { findModelFile } from './model-files.ts';

export const onnxKind: ServableKind = {
  name: 'onnx',
  // The checks of the configuration have refused every other backend.
  matches: () => true,
  impliedVersions: [],
  needs: () => [],
  lacks: lacksOf,
  load: loadOnnx,
  configFor: resolveFor,
};

async function lacksOf(task: VersionTask, { engine }: ServableTools): Promise<readonly string[]> {
  try {
    await readOpenableModel(await findModelFile({ ...task, cudaDevices: engine.cudaDevices() }));
    return [];
  } catch (error) {
    const { code, message } = toInferenceError(error);
    if (error instanceof CutOffError) return [`the rest of a file (${message})`];
    if (code === 'unavailable' || code === 'not_found') return [message];
    return [];
  }
}
