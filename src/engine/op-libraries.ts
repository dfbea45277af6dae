/**
 * Libraries of custom operators. Missing ones are found here, because the dynamic loader's error contains paths and no
 * advice.
 */

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { unavailable } from '../errors.ts';

/** Rejects `unavailable` with the name of the first library that is no file. */
export async function checkOpLibraries(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const found = await stat(path).catch(() => null);
    if (found?.isFile()) continue;
    const problem = found === null ? 'does not exist' : 'is no regular file';
    throw unavailable(
      `custom operator library '${basename(path)}' ${problem}: op_library_filename is relative to the model's folder`,
    );
  }
}
