/** Label files: one class per line, the line's number is the class. */

import { join } from 'node:path';
import { invalidArgument } from '../errors.ts';
import { pathWithin } from '../model-config/relative-path.ts';
import { quoted } from '../shown-text.ts';
import { readRegularFile } from './read-file.ts';

const mostBytes = 64 * 1024 * 1024;

/**
 * @param modelFolder absolute folder of the model
 * @param filename    relative to it
 * @throws InferenceError as `readRegularFile`; `invalid_argument` for a name that leaves the folder
 */
export async function readLabels(modelFolder: string, filename: string): Promise<readonly string[]> {
  const within = pathWithin(filename);
  if (within === null) throw invalidArgument(`label file ${quoted(filename)} must stay within the model's folder`);
  const limits = { subject: `label file ${quoted(filename)}`, maxBytes: mostBytes };
  return labelsOf((await readRegularFile(join(modelFolder, within), limits)).toString('utf8'));
}

/** The end of the last line makes no further label; blank lines in between are labels, or the numbers would shift. */
export function labelsOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
