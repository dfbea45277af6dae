/**
 * Unpacks chosen files of a wheel, which is a zip archive. Nothing else in it is looked at: no name of the archive becomes
 * a path, and a link is refused.
 */

import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { failedPrecondition } from '../errors.ts';
import type { LockedWheel } from './runtime-lock.ts';

const fileTypeMask = 0o170000;
const regularFile = 0o100000;

/** The file type of Unix that the archive gives an entry; archives made elsewhere give none, 0. */
const fileTypeOf = ({ externalFileAttributes }: Entry): number => (externalFileAttributes >>> 16) & fileTypeMask;

/** The entries by name. Rejects for names that lead out of a folder, and for a name that is there twice. */
async function entriesOf(archive: ZipFile): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of archive.eachEntry()) {
    if (entries.has(entry.fileName)) throw new Error(`${entry.fileName} is there twice`);
    entries.set(entry.fileName, entry);
  }
  return entries;
}

async function unpackEntry(archive: ZipFile, entry: Entry, path: string, mode: number): Promise<void> {
  const type = fileTypeOf(entry);
  if (type !== 0 && type !== regularFile) throw new Error(`${entry.fileName} is no plain file`);
  if (entry.isEncrypted()) throw new Error(`${entry.fileName} is encrypted`);
  // `wx`: a file that is there already would be another one's.
  const file = createWriteStream(path, { flags: 'wx', mode, flush: true });
  await pipeline(await archive.openReadStreamPromise(entry), file);
}

/**
 * Writes the libraries of a wheel into `folder`, and its licences into `folder`/licences/`project`; all is on the disk when
 * this resolves. Rejects with `failed_precondition` when the archive is not as the lock file says, and with the error of
 * the file system when it cannot be written.
 */
export async function unpackWheel(path: string, wheel: LockedWheel, folder: string): Promise<void> {
  try {
    const archive = await openPromise(path, { autoClose: false, strictFileNames: true });
    try {
      await unpackFiles(archive, wheel, folder);
    } finally {
      archive.close();
    }
  } catch (error) {
    // Of the file system, in contrast to those of the archive and of zlib.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw failedPrecondition(`${wheel.file} cannot be unpacked: ${reason}`, error);
  }
}

async function unpackFiles(archive: ZipFile, wheel: LockedWheel, folder: string): Promise<void> {
  const entries = await entriesOf(archive);
  const find = (name: string): Entry => {
    const entry = entries.get(name);
    if (entry === undefined) throw new Error(`it does not contain ${name}`);
    return entry;
  };
  for (const { path, name, bytes } of wheel.libraries) {
    const entry = find(path);
    if (entry.uncompressedSize !== bytes)
      throw new Error(`${path} has ${entry.uncompressedSize} bytes, the lock file says ${bytes}`);
    await unpackEntry(archive, entry, join(folder, name), 0o755);
  }
  const licences = join(folder, 'licences', wheel.project);
  if (wheel.licences.length > 0) mkdirSync(licences, { recursive: true });
  for (const path of wheel.licences) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    await unpackEntry(archive, find(path), join(licences, name), 0o644);
  }
}
