/**
 * Texts of the runtime and of the dynamic loader for callers, who must not see the folders of this machine: files are named
 * without them. Texts that begin with a slash are also names of nodes, such as `/encoder/layer.0/MatMul`, and stay.
 */

import { lstat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { fileThreads } from '../file-threads.ts';
import { realPathOf } from './onnx-file/external-files.ts';

/** Begins where a path may begin. */
const start = '(?<![\\w./-])';
/** A part of a path whose end can be seen in a text. */
const part = '[^\\s/\'"`:;,()[\\]]';

/** Folders in which the system, its packages and temporary files are (Filesystem Hierarchy Standard 3.0). */
const systemFolders = 'bin|dev|etc|home|lib|lib32|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var';
const systemPath = new RegExp(`${start}/(?:${systemFolders})(?:/${part}*)*/(?=${part})`, 'g');
/** Libraries wherever they are: the dynamic loader names those that other libraries need. */
const libraryPath = new RegExp(`${start}/(?:${part}*/)*(?=${part}+\\.so(?:\\.\\d+)*(?!${part}|/))`, 'g');

/** Without the folders of libraries and of the system. It looks at no file, so it is for texts about runs, too. */
export const withoutKnownFolders = (text: string): string =>
  text.replaceAll(systemPath, '').replaceAll(libraryPath, '');

/** Without these folders, those of this machine that the text names, and those of `withoutKnownFolders`. */
export async function withoutFolders(text: string, folders: ReadonlySet<string>, look = lookAt): Promise<string> {
  const all = new Set([...folders, ...(await foldersIn(text, look))]);
  // The folder of a folder is shorter, and would leave the name of the inner one.
  const longestFirst = [...all].filter((folder) => folder !== sep).sort((a, b) => b.length - a.length);
  return withoutKnownFolders(longestFirst.reduce((rest, folder) => rest.replaceAll(prefix(folder), ''), text));
}

/** The folder before the name of a file in it, with the separators that `OpLibraries` may have put between them. */
const prefix = (folder: string): RegExp =>
  new RegExp(`${start}${folder.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')}/(?:\\.?/)*`, 'g');

/** The folders of these absolute paths of files, as they are written and with links resolved. */
export async function foldersOf(files: readonly string[]): Promise<ReadonlySet<string>> {
  const written = files.map((file) => resolve(file));
  const real = await Promise.all(written.map((file) => realPathOf(file).catch(() => file)));
  return new Set([...written, ...real].map((file) => dirname(file)));
}

type Kind = 'folder' | 'file' | 'none';

/** A link counts as a folder: a path through it exists or does not. */
async function lookAt(path: string): Promise<Kind> {
  const facts = await fileThreads.contents(() => lstat(path)).catch(() => null);
  if (facts === null) return 'none';
  return facts.isDirectory() || facts.isSymbolicLink() ? 'folder' : 'file';
}

/** Files to look at for one text: more than a text about few files needs. */
const mostLooks = 100;

/** From where a path may begin to the end of the line or of the quotation. */
const mayBePath = new RegExp(`${start}(?=(/[^'"\`\\n]{1,4096}))`, 'g');
const firstName = new RegExp(`^/+(${part}+)`);

/**
 * The folders of this machine that a text names. They exist, and lie at least two deep or have in them what the text names
 * next: one folder alone may be called like a part of a model.
 */
async function foldersIn(text: string, look: (path: string) => Promise<Kind>): Promise<readonly string[]> {
  const found: string[] = [];
  let looks = 0;
  for (const [, rest = ''] of text.matchAll(mayBePath)) {
    let end = 0;
    for (let next = rest.indexOf('/', 1); next !== -1; next = rest.indexOf('/', next + 1)) {
      if (++looks > mostLooks) return found;
      if ((await look(rest.slice(0, next))) !== 'folder') break;
      end = next;
    }
    const folder = rest.slice(0, end);
    const name = firstName.exec(rest.slice(end))?.[1];
    if (folder === '' || name === undefined) continue;
    if (folder.includes('/', 1) || (await look(`${folder}/${name}`)) !== 'none') found.push(folder);
  }
  return found;
}
