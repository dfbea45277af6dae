/** The files that a configuration names, and which of them are missing or empty. */

import { join } from 'node:path';
import { pathWithin } from '../model-config/relative-path.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import { statOrNull } from './folder-reads.ts';
import type { ModelFolder } from './layout.ts';

/**
 * Paths relative to the model's folder, sorted. Empty labels and warm-up files are allowed, because they may be
 * intended. Names that leave the folder are left out here, the configuration's checks refuse them.
 *
 * @param message  as written, with names completed (`readConfigMessage`)
 * @param versions the versions that are to be served
 */
export async function missingFiles(
  model: ModelFolder,
  message: ConfigMessage,
  versions: readonly number[],
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const path of referencedFiles(message)) {
    if ((await statOrNull(join(model.path, path))) === null) missing.push(path);
  }
  const modelFile = pathWithin(message.default_model_filename ?? '');
  const hasOtherNames = message.cc_model_filenames !== undefined;
  if (modelFile === null || hasOtherNames) return missing.sort();
  for (const version of versions) {
    const path = join(String(version), modelFile);
    const found = await statOrNull(join(model.path, path));
    if (found === null || (found.isFile() && found.size === 0n)) missing.push(path);
  }
  return missing.sort();
}

function referencedFiles({
  output: outputs = [],
  model_operations: operations = {},
  model_warmup: samples = [],
}: ConfigMessage): readonly string[] {
  const labels = outputs.map(({ label_filename: file = '' }) => pathWithin(file));
  const libraries = (operations.op_library_filename ?? []).map(pathWithin);
  const warmup = samples
    .flatMap(({ inputs = {} }) => Object.values(inputs))
    .map(({ input_data_file: file = '' }) => pathWithin(file));
  const files = [...labels, ...libraries, ...warmup.map((file) => (file === null ? null : join('warmup', file)))];
  return [...new Set(files.filter((file) => file !== null))];
}
