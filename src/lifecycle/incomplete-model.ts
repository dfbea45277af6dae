/** What a model's folder still lacks to be loaded: files that are not there yet, or not whole. */

import { join } from 'node:path';

import { readModelSource } from '../engine/model-source.ts';
import { CutOffError } from '../engine/onnx-file/cut-off-error.ts';
import { toInferenceError } from '../errors.ts';
import { versionPolicyOf } from '../model-config/build-config.ts';
import { readConfigMessage } from '../model-config/resolve-config.ts';
import { type ModelFolder, readConfigSource } from '../repository/layout.ts';
import { missingFiles } from '../repository/referenced-files.ts';
import { selectVersions } from '../repository/version-policy.ts';
import { findModelFile } from './model-files.ts';
import { configSettings, type LoaderTools } from './version-loader.ts';

/**
 * One phrase each, without paths above the model's folder; empty when all is there. What is wrong may also be meant so:
 * only the time that passes tells a file that is still being copied from one that is broken.
 */
export async function lacksOf(folder: ModelFolder, tools: LoaderTools): Promise<readonly string[]> {
  try {
    if (folder.problem !== null) return [];
    const source = await readConfigSource(folder);
    const message = readConfigMessage({ modelName: folder.name, source, settings: configSettings(tools) });
    const { versions } = selectVersions(versionPolicyOf(message), folder.versions);
    if (versions.length === 0) return ['a folder of a version'];
    const missing = await missingFiles(folder, message, versions);
    if (missing.length > 0) return missing;
    const lacks: string[] = [];
    for (const version of versions) {
      const versionFolder = join(folder.path, String(version));
      const task = { model: folder.name, version, versionFolder, message, cudaDevices: tools.engine.cudaDevices() };
      const lack = await findModelFile(task)
        .then(readModelSource)
        .then(() => null, lackText);
      if (lack !== null) lacks.push(`${lack} (version ${version})`);
    }
    return lacks;
  } catch (error) {
    const lack = lackText(error);
    return lack === null ? [] : [lack];
  }
}

/** Null for what no further byte will mend: loading it says so. */
function lackText(error: unknown): string | null {
  const { code, message } = toInferenceError(error);
  return code === 'unavailable' || code === 'not_found' || error instanceof CutOffError ? message : null;
}
