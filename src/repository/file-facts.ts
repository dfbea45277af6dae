/**
 * The facts by which a scan knows that a file is the one that it saw before. A scan asks for those of thousands of files at
 * once: the addon answers such a question on one thread of libuv's pool, at a tenth of the cost of a call per file.
 */

import type { BigIntStats } from 'node:fs';

import { loadNative } from '../engine/load-native.ts';
import { fileThreads } from '../file-threads.ts';

/** Mode, size, inode, device, time of content and of attributes in nanoseconds. */
export const factsPerFile = 6;

/**
 * The facts of files, one file after the other: zeros for one that is not there, a negative mode for one that cannot be
 * looked at. Links are followed.
 *
 * @param paths each followed by NUL
 */
export type ReadFacts = (paths: string) => Promise<BigInt64Array>;

/** The function of `native/binding/file_facts.cc`. */
interface NativeFiles {
  statFiles(paths: string): Promise<BigInt64Array>;
}

/** By the addon. Throws as `loadNative`. */
export function nativeFacts(): ReadFacts {
  const native = loadNative<NativeFiles>();
  return (paths) => fileThreads.folders(() => native.statFiles(paths));
}

/** Errors that say that there is nothing there (any more). A dangling link counts as nothing. */
const absent: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

export const isAbsence = ({ code }: NodeJS.ErrnoException): boolean => absent.has(code);

type Facts = Pick<BigIntStats, 'mode' | 'size' | 'ino' | 'dev' | 'mtimeNs' | 'ctimeNs'>;

const nothing: Facts = { mode: 0n, size: 0n, ino: 0n, dev: 0n, mtimeNs: 0n, ctimeNs: 0n };

/** The numbers of a file; null is one that is not there. */
export function factsOf(found: Facts | null): readonly bigint[] {
  const { mode, size, ino, dev, mtimeNs, ctimeNs } = found ?? nothing;
  return [mode, size, ino, dev, mtimeNs, ctimeNs];
}
