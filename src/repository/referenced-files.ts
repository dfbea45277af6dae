/** The files that a configuration names, and which of them are missing or empty. */

import { join } from 'node:path';
import { messageMapOf, messageOf, messagesOf, textOf, textsOf } from '../model-config/schema/message-fields.ts';
import type { ConfigMessage } from '../model-config/model-config.ts';
import { pathWithin } from '../model-config/relative-path.ts';
import { statOrNull } from './fingerprint.ts';
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
  const modelFile = pathWithin(textOf(message, 'default_model_filename'));
  const hasOtherNames = messageOf(message, 'cc_model_filenames') !== null;
  if (modelFile === null || hasOtherNames) return missing.sort();
  for (const version of versions) {
    const path = join(String(version), modelFile);
    const found = await statOrNull(join(model.path, path));
    if (found === null || (found.isFile() && found.size === 0n)) missing.push(path);
  }
  return missing.sort();
}

function referencedFiles(message: ConfigMessage): readonly string[] {
  const labels = messagesOf(message, 'output').map((output) => pathWithin(textOf(output, 'label_filename')));
  const libraries = textsOf(messageOf(message, 'model_operations') ?? {}, 'op_library_filename').map(pathWithin);
  const samples = messagesOf(message, 'model_warmup').flatMap((sample) => [...messageMapOf(sample, 'inputs').values()]);
  const warmup = samples.map((input) => pathWithin(textOf(input, 'input_data_file')));
  const files = [...labels, ...libraries, ...warmup.map((file) => (file === null ? null : join('warmup', file)))];
  return [...new Set(files.filter((file) => file !== null))];
}
