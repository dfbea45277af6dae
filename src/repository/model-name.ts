/** Model names come from callers and become folder names: they must not lead out of the repository. */

import { invalidArgument } from '../errors.ts';
import { quoted } from '../shown-text.ts';

/** The longest name of a file, in bytes of UTF-8. */
export const longestName = 255;

/**
 * Names with white space around them are checked like others. @throws InferenceError invalid_argument, with Triton's
 * texts
 */
export function checkModelName(name: string): void {
  if (name.trim() === '') throw invalidArgument('Model name cannot be empty. Please enter a valid name to deploy.');
  if (Buffer.byteLength(name) > longestName) {
    throw invalidArgument(`model name ${quoted(name)} is longer than ${longestName} bytes`);
  }
  if (!isFolderName(name.trim())) {
    throw invalidArgument(`invalid model name ${quoted(name)}, model name must not contain path traversal characters`);
  }
}

/** Whether the name, put behind a folder, names an entry of that folder. */
export const isFolderName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
