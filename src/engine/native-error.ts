/** Converts errors of the addon to the server's error type. */

import { dirname, resolve, sep } from 'node:path';
import { errorCodes, InferenceError } from '../errors.ts';
import type { NativeError } from './native.ts';
import { realPathOf } from './onnx-file/external-files.ts';

/** A code of the addon; one that is unknown here is a bug and becomes `internal`. */
export const nativeFailure = ({ code, message }: NativeError, cause?: Error): InferenceError =>
  new InferenceError(errorCodes[code] ?? 'internal', message, cause);

/**
 * The same for a caller, who must not see the folders of this machine: files are named relative to the folders given. The
 * cause keeps the whole text for the log.
 */
export function modelFailure(error: NativeError, folders: ReadonlySet<string>): InferenceError {
  const message = withoutFolders(error.message, folders);
  const cause = message === error.message ? undefined : new Error(error.message);
  return nativeFailure({ code: error.code, message }, cause);
}

/** The folders of these absolute paths of files, as they are written and with links resolved. */
export async function foldersOf(files: readonly string[]): Promise<ReadonlySet<string>> {
  const written = files.map((file) => resolve(file));
  const real = await Promise.all(written.map((file) => realPathOf(file).catch(() => file)));
  return new Set([...written, ...real].map((file) => dirname(file)));
}

/**
 * Folders in which the system, its packages and temporary files are (Filesystem Hierarchy Standard 3.0): the dynamic loader
 * names libraries that no configuration names. Other texts that begin with a slash are mostly names of nodes, such as
 * `/encoder/layer.0/MatMul`.
 */
const systemPath =
  /(?<![\w./-])\/(?:bin|dev|etc|home|lib|lib32|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)(?:\/[^\s/'"`:;,()[\]]*)*\/(?=[^\s/'"`:;,()[\]])/g;

function withoutFolders(text: string, folders: ReadonlySet<string>): string {
  // The folder of a folder is shorter, and would leave the name of the inner one.
  const longestFirst = [...folders].filter((folder) => folder !== sep).sort((a, b) => b.length - a.length);
  const named = longestFirst.reduce((rest, folder) => rest.replaceAll(prefix(folder), ''), text);
  return named.replaceAll(systemPath, '');
}

/** The folder before the name of a file in it, with the separators that `OpLibraries` may have put between them. */
const prefix = (folder: string): RegExp =>
  new RegExp(`(?<![\\w./-])${folder.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')}/(?:\\.?/)*`, 'g');
