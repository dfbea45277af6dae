/** Label files: one class per line, the line's number is the class. */

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { invalidArgument, notFound } from '../errors.ts';
import { pathWithin } from '../model-config/relative-path.ts';
import { quoted } from '../model-config/source-tree.ts';

const mostBytes = 64 * 1024 * 1024;

/**
 * @param modelFolder absolute folder of the model
 * @param filename    relative to it
 * @throws InferenceError not_found when there is no such file, invalid_argument when it is no label file
 */
export async function readLabels(modelFolder: string, filename: string): Promise<readonly string[]> {
  const within = pathWithin(filename);
  if (within === null) throw invalidArgument(`label file ${quoted(filename)} must stay within the model's folder`);
  const path = join(modelFolder, within);
  let size: number;
  try {
    size = (await stat(path)).size;
  } catch (error) {
    throw notFound(`label file ${quoted(filename)} does not exist in the model's folder`, error);
  }
  if (size > mostBytes)
    throw invalidArgument(`label file ${quoted(filename)} has ${size} bytes, more than ${mostBytes}`);
  try {
    return labelsOf(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalidArgument(`label file ${quoted(filename)} cannot be read`, error);
  }
}

/** The end of the last line makes no further label; blank lines in between are labels, or the numbers would shift. */
export function labelsOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
