/**
 * Reads a small file of a model: configuration, labels, warm-up data. Anything but a regular file – a FIFO, a device, a
 * socket, a folder, also behind a link – is refused before it is opened, and so is a file beyond its limit, even if it
 * grows while it is read.
 */

import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

import { type InferenceError, invalidArgument, notFound, resourceExhausted, unavailable } from '../errors.ts';
import { fileThreads } from '../file-threads.ts';

interface FileLimits {
  /** The name of the file in errors: `label file 'labels.txt'`. */
  readonly subject: string;
  readonly maxBytes: number;
}

/** With these flags the open does not block, even if a FIFO or a device replaces the file after the check. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

const chunkBytes = 1024 * 1024;

/**
 * The whole file. Links are followed.
 *
 * @throws InferenceError `not_found` when there is no such file, `invalid_argument` for one that is no regular file or
 * too
 *   large, `resource_exhausted` when the process has no descriptor left, `unavailable` when it cannot be read
 */
export async function readRegularFile(path: string, limits: FileLimits): Promise<Buffer> {
  try {
    return await fileThreads.contents(() => readChecked(path, limits));
  } catch (error) {
    throw readFailure(error, limits.subject);
  }
}

async function readChecked(path: string, limits: FileLimits): Promise<Buffer> {
  // Before it is opened: opening alone may have effects on a device.
  refuseUnfit(await stat(path), limits);
  const file = await open(path, openFlags);
  try {
    const now = await file.stat();
    refuseUnfit(now, limits);
    return await readAll(file, now.size, limits);
  } finally {
    await file.close();
  }
}

interface Kind {
  isDirectory(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

interface Facts extends Kind {
  readonly size: number;
  isFile(): boolean;
}

function refuseUnfit(facts: Facts, { subject, maxBytes }: FileLimits): void {
  if (!facts.isFile()) throw invalidArgument(`${subject} is ${kindOf(facts)}, expected a regular file`);
  if (facts.size > maxBytes) throw tooLarge(subject, facts.size, maxBytes);
}

/** The kind of an entry that is neither a regular file nor a link. */
export function kindOf(entry: Kind): string {
  if (entry.isDirectory()) return 'a folder';
  if (entry.isFIFO()) return 'a FIFO';
  return entry.isSocket() ? 'a socket' : 'a device';
}

const tooLarge = (subject: string, bytes: number, maxBytes: number): InferenceError =>
  invalidArgument(`${subject} has ${bytes} bytes, expected at most ${maxBytes}`);

async function readAll(file: FileHandle, size: number, { subject, maxBytes }: FileLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    // The size is a hint: some file systems say 0, and a file that is written to grows. One byte more finds the end.
    const wanted = Math.min(chunkBytes, Math.max(size - total, 0) + 1);
    const chunk = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await file.read(chunk, 0, wanted);
    if (bytesRead === 0) return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total);
    total += bytesRead;
    if (total > maxBytes) throw tooLarge(subject, total, maxBytes);
    chunks.push(chunk.subarray(0, bytesRead));
  }
}

function readFailure(error: unknown, subject: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return notFound(`${subject} does not exist in the model's folder`, error);
    case 'EMFILE':
    case 'ENFILE':
      return resourceExhausted(`${subject} cannot be read: the process has no file descriptor left (${code})`, error);
    case 'EACCES':
    case 'EPERM':
      return unavailable(`${subject} cannot be read: permission denied (${code})`, error);
    case null:
      return error;
    default:
      // An `InferenceError` has a code too, but is no failure of the system.
      return /^E[A-Z0-9]+$/.test(code) ? unavailable(`${subject} cannot be read (${code})`, error) : error;
  }
}
