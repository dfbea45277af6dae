/**
 * Writes the files of a load request (`file:<path>` parameters) into a model folder of their own below the system's
 * temporary folder. They are the whole model: nothing of the repository is in it.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { InferenceError, internal, invalidArgument, resourceExhausted } from '../errors.ts';
import { pathWithin } from '../model-config/relative-path.ts';
import { quoted } from '../shown-text.ts';
import { checkModelName, longestName } from './model-name.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folders.ts';

interface OverrideFolder {
  /** Absolute; its last part is the model's name. */
  readonly path: string;
  /** Removes everything; may be called more than once. */
  remove(): Promise<void>;
}

/**
 * @param files content by path relative to the model's folder, without the `file:`; bytes are written before this
 * resolves
 * @param parent where the temporary folder is made
 * @throws InferenceError invalid_argument for a path that leaves the folder or collides; nothing is left behind
 */
export async function writeFileOverrides(
  modelName: string,
  files: ReadonlyMap<string, Uint8Array>,
  parent: string = tmpdir(),
): Promise<OverrideFolder> {
  checkModelName(modelName);
  const normal = normalFiles(files);
  const root = await makeTemporaryFolder(parent).catch((error: unknown) => {
    throw writeFailure(modelName, error);
  });
  const remove = (): Promise<void> => removeTemporaryFolder(root);
  const path = join(root, modelName);
  try {
    await mkdir(path);
    for (const [name, bytes] of normal) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), bytes);
    }
  } catch (error) {
    // Not awaited: without free descriptors, removing has to wait too. A folder that cannot be removed at all is a
    // leftover, which the next start removes.
    remove().catch(() => undefined);
    throw writeFailure(modelName, error);
  }
  return { path, remove };
}

/** One sentence without paths of this machine. */
function writeFailure(modelName: string, error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
  const what = `the files of model '${modelName}' cannot be written to the temporary folder`;
  switch (code) {
    case 'ENAMETOOLONG':
      return invalidArgument(`${what}: their paths are too long (${code})`, error);
    case 'EMFILE':
    case 'ENFILE':
      return resourceExhausted(`${what}: the process has no file descriptor left (${code})`, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return resourceExhausted(`${what}: it is full (${code})`, error);
    default:
      return internal(`${what} (${code})`, error);
  }
}

/** Longer paths would fail with an error of the file system. */
const longestPath = 1024;

/** Normalised paths; two names of one file, or a file that another one needs as a folder, are refused. */
function normalFiles(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const normal = new Map<string, Uint8Array>();
  for (const [name, bytes] of files) {
    const path = pathWithin(name);
    if (path?.endsWith('/') || name.includes('\0')) {
      const problem = name.includes('\0') ? 'contains a NUL character' : 'names a folder, expected a file';
      throw invalidArgument(`Invalid file parameter ${quoted(`file:${name}`)}: it ${problem}`);
    }
    if (path === null || pathWithin(name.trim()) === null) {
      throw invalidArgument(
        `Invalid file parameter ${quoted(`file:${name}`)} with normalized path ${quoted(posix.normalize(name))} must stay within model directory.`,
      );
    }
    if (path.length > longestPath) {
      throw invalidArgument(`file parameter ${quoted(`file:${name}`)} is longer than ${longestPath} characters`);
    }
    const long = path.split('/').find((part) => Buffer.byteLength(part) > longestName);
    if (long !== undefined) {
      throw invalidArgument(
        `file parameter ${quoted(`file:${name}`)} has a name of ${Buffer.byteLength(long)} bytes in it, expected at most ${longestName}`,
      );
    }
    if (normal.has(path)) throw invalidArgument(`file parameter ${quoted(`file:${name}`)} is given more than once`);
    normal.set(path, bytes);
  }
  for (const path of normal.keys()) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      if (normal.has(folder)) {
        throw invalidArgument(
          `file parameter ${quoted(`file:${folder}`)} is also a folder of ${quoted(`file:${path}`)}`,
        );
      }
    }
  }
  return normal;
}
