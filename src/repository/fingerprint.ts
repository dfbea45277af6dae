/**
 * A fingerprint of a model's folder that changes when its files change, without reading them: names, and for each file
 * its size, its times of content and of attributes in nanoseconds, inode and device. The time of attributes cannot be
 * set by a user, so it reveals a file that was replaced by one of the same size and time (`cp -p`), and a `chmod`.
 * Symbolic links count as their targets, so the atomic swap of a Kubernetes volume (`..data`) is a change.
 */

import { createHash } from 'node:crypto';
import type { BigIntStats, Dirent } from 'node:fs';
import { join } from 'node:path';

import { unavailable } from '../errors.ts';
import type { FolderReads } from './folder-reads.ts';

export interface ModelFingerprint {
  /** Of the configuration file; '' when there is none. */
  readonly config: string;
  /** Of everything below each version's folder. */
  readonly versions: ReadonlyMap<number, string>;
  /** Of all other files: labels, warm-up data, libraries. */
  readonly others: string;
  /** Of all files. */
  readonly whole: string;
  /** Milliseconds since the epoch when the youngest file was last written, renamed or linked; 0 without files. */
  readonly newestMs: number;
}

const mostEntries = 20_000;
const mostDepth = 16;

/** A digest of lines, whatever their order. */
export const digestOf = (lines: readonly string[]): string =>
  createHash('sha256')
    .update([...lines].sort().join('\n'))
    .digest('base64');

/** Collects the entries of one model; a folder with too many entries ends in an error instead of an endless scan. */
export class TreeReader {
  newestMs = 0;
  readonly #reads: FolderReads;
  #entryCount = 0;

  constructor(reads: FolderReads) {
    this.#reads = reads;
  }

  /** One file, or its absence (null). */
  async file(path: string): Promise<string | null> {
    const found = await this.#reads.stat(path);
    if (found === null) return null;
    this.#count(found);
    return `${found.size}:${found.mtimeNs}:${found.ctimeNs}:${found.ino}:${found.dev}`;
  }

  /** The entries of the model's own folder. Its times count, but it is no line: a temporary file changes nothing. */
  async top(folder: string): Promise<readonly Dirent[]> {
    const found = await this.#reads.stat(folder);
    if (found !== null) this.#count(found);
    return this.#reads.entries(folder, found);
  }

  /** Everything below a folder, as a digest of sorted lines. */
  async tree(folder: string): Promise<string> {
    const lines: string[] = [];
    await this.#walk(folder, '', [], lines);
    return digestOf(lines);
  }

  async #walk(folder: string, prefix: string, ancestors: readonly string[], lines: string[]): Promise<void> {
    const found = await this.#reads.stat(folder);
    if (found === null || ancestors.length > mostDepth) return;
    const place = `${found.dev}:${found.ino}`;
    if (ancestors.includes(place)) return;
    this.#count(found);
    const inside = [...ancestors, place];
    for (const entry of await this.#reads.entries(folder, found)) {
      const path = join(folder, entry.name);
      const name = `${prefix}${entry.name}`;
      const isFolder =
        entry.isDirectory() || (entry.isSymbolicLink() && ((await this.#reads.stat(path))?.isDirectory() ?? false));
      if (isFolder) {
        lines.push(`${name}/`);
        await this.#walk(path, `${name}/`, inside, lines);
      } else lines.push(`${name} ${(await this.file(path)) ?? 'missing'}`);
    }
  }

  #count(found: BigIntStats): void {
    this.newestMs = Math.max(this.newestMs, Number(found.mtimeMs), Number(found.ctimeMs));
    this.#entryCount++;
    if (this.#entryCount > mostEntries) throw unavailable(`the model's folder has more than ${mostEntries} files`);
  }
}
