/**
 * Random access to the bytes of a model: a file read through a window, or bytes already in memory. Nothing here knows
 * what the bytes mean.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InferenceError, invalidArgument, notFound, unavailable } from '../../errors.ts';
import { fileThreads } from '../../file-threads.ts';
import { ChangedFileError } from '../changed-file-error.ts';

export interface ByteSource {
  /** The name of the source in messages: the name of a file, never its path. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * The bytes from `offset`, at least `leastBytes` (one unless given) where the source has so many and at most `windowBytes`, valid
   * until the next call. `offset` lies inside the source.
   */
  read(offset: number, leastBytes?: number): Promise<Uint8Array>;
}

/** Large enough to make system calls rare, small enough that parsing one window does not hold up the event loop. */
export const windowBytes = 256 * 1024;

/** The first window behind a jump: over the bytes of a tensor, to the few that follow it before the next. */
const jumpBytes = 16 * 1024;

/** Bytes in memory. Yields to the event loop after each window, as reading a file does by itself. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read: async (offset) => {
      if (offset > 0) await nextTurn();
      return bytes.subarray(offset, offset + windowBytes);
    },
  };
}

const systemCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown reason';

/** Says why a model file could not be opened or read, without its path. */
export function fileError(name: string, error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return notFound(`model file '${name}' does not exist`, error);
  if (code === 'EACCES' || code === 'EPERM') {
    return unavailable(`model file '${name}' may not be read by this user (${code})`, error);
  }
  return unavailable(`model file '${name}' could not be read (${code})`, error);
}

/** An open regular file. Owns the descriptor and one window; `close` frees both. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  readonly #window: Uint8Array;
  /** The bytes that the window holds, and where they begin: a reader of the prefix is followed by one of the whole file. */
  #held: { readonly offset: number; readonly bytes: Uint8Array } | null = null;

  private constructor(name: string, sizeBytes: number, handle: FileHandle) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.#handle = handle;
    this.#window = new Uint8Array(Math.min(windowBytes, Math.max(sizeBytes, 1)));
  }

  /** Rejects `not_found`, `unavailable`, or `invalid_argument` for anything but a regular file. */
  static async open(path: string): Promise<FileSource> {
    const name = basename(path);
    let handle: FileHandle;
    try {
      // Without O_NONBLOCK the open of a named pipe would wait for a writer and keep a thread of the pool for ever.
      handle = await fileThreads.contents(() => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch (error) {
      throw fileError(name, error);
    }
    try {
      const facts = await fileThreads.contents(() => handle.stat());
      if (!facts.isFile()) {
        throw invalidArgument(`'${name}' is ${facts.isDirectory() ? 'a folder' : 'no regular file'}, expected a file`);
      }
      return new FileSource(name, facts.size, handle);
    } catch (error) {
      await handle.close();
      throw fileError(name, error);
    }
  }

  async read(offset: number, leastBytes = 1): Promise<Uint8Array> {
    const held = this.#held;
    if (held?.offset === offset && held.bytes.length >= leastBytes) return held.bytes;
    this.#held = null;
    const isJump = held === null ? offset > 0 : offset < held.offset || offset > held.offset + held.bytes.length;
    const mostBytes = isJump ? Math.max(jumpBytes, leastBytes) : this.#window.length;
    const wanted = Math.min(mostBytes, this.#window.length, this.sizeBytes - offset);
    let filled = 0;
    while (filled < wanted) {
      let bytesRead: number;
      try {
        const part = () => this.#handle.read(this.#window, filled, wanted - filled, offset + filled);
        bytesRead = (await fileThreads.contents(part)).bytesRead;
      } catch (error) {
        throw fileError(this.name, error);
      }
      if (bytesRead === 0) throw new ChangedFileError(`model file '${this.name}' became shorter while it was read`);
      filled += bytesRead;
    }
    const bytes = this.#window.subarray(0, filled);
    this.#held = { offset, bytes };
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
