/** Finds what a model's folder still lacks before it can be loaded: files that are missing or incomplete. */

import { toInferenceError } from '../errors.ts';
import { readConfigMessage } from '../model-config/resolve-config.ts';
import { type ModelFolder, readConfigSource } from '../repository/layout.ts';
import { missingFiles } from '../repository/referenced-files.ts';
import { kindOf, type SourceTools, taskFor, versionsToServe } from './disk-source.ts';
import { configSettings } from './servable.ts';

/**
 * One phrase each, without paths above the model's folder; empty when all is there. The fault may also be permanent:
 * only time distinguishes a file that is still being copied from a broken one.
 */
export async function lacksOf(folder: ModelFolder, tools: SourceTools): Promise<readonly string[]> {
  try {
    if (folder.problem !== null) return [];
    const config = await readConfigSource(folder);
    const message = readConfigMessage({ modelName: folder.name, source: config, settings: configSettings(tools) });
    const kind = kindOf(message, tools.kinds);
    const { versions } = versionsToServe(folder, message, kind);
    if (versions.length === 0) return ['a folder of a version'];
    const missing = await missingFiles(folder, message, versions);
    if (missing.length > 0) return missing;
    const lacks: string[] = [];
    for (const version of versions) {
      const ofVersion = await kind.lacks(taskFor(folder, version, config, message), tools);
      lacks.push(...ofVersion.map((lack) => `${lack} (version ${version})`));
    }
    return lacks;
  } catch (error) {
    const { code, message } = toInferenceError(error);
    // Other faults will not go away with more bytes; the load reports them.
    return code === 'unavailable' || code === 'not_found' ? [message] : [];
  }
}
