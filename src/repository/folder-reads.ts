/**
 * Reads folders for scans, and remembers what they held. A scan that finds nothing new costs what its reads cost, every
 * few seconds, for each model. So a folder is listed again only when its times have changed, where the file system is
 * one that changes them with every entry that comes or goes. Files are always looked at.
 */

import { createHash } from 'node:crypto';
import { type BigIntStats, type Dirent, lstat, readdir, stat, statfs } from 'node:fs';

import { fileThreads } from '../file-threads.ts';
import { systemClock } from '../time.ts';

/**
 * Types of local file systems (statfs(2)). On others, such as network and FUSE mounts, the times of a folder may lag
 * behind its entries.
 */
const keepingTime: ReadonlySet<bigint> = new Set([
  0xef53n, // ext2, ext3, ext4
  0x58465342n, // XFS
  0x9123683en, // Btrfs
  0xf2f52010n, // F2FS
  0x2fc12fc1n, // ZFS
  0x01021994n, // tmpfs
  0x794c7630n, // overlayfs
]);

/**
 * Two changes of a folder within a tick of the kernel's clock leave the same time. A listing that was read so long after
 * the folder's last change is younger than any such pair.
 */
const settledMs = 2_000;

interface Listing {
  readonly stamp: string;
  readonly entries: readonly Dirent[];
}

/** The reads of one scan. */
export interface FolderReads {
  /**
   * The entries of a folder.
   *
   * @param found the folder's facts, just read; null where they could not be
   */
  entries(path: string, found: BigIntStats | null): Promise<readonly Dirent[]>;
  /** A digest of the lines, whatever their order. */
  digest(lines: readonly string[]): string;
}

/** Reads every folder and remembers nothing: for scans of a single model. */
export const plainReads: FolderReads = {
  entries: (path) => listFolder(path),
  digest: (lines) => digestOf(sortedText(lines)),
};

/** A parameter, so that tests can set them. */
interface FileSystemFacts {
  /** The clock that files are stamped with, in milliseconds. */
  wallMs(): number;
  /** Whether the file system of this folder changes the times of a folder with every entry that comes or goes. */
  keepsTime(folder: string): Promise<boolean>;
}

const systemFacts: FileSystemFacts = {
  wallMs: () => systemClock.wallMs(),
  keepsTime: (folder) =>
    fileThreads.folders(
      () =>
        new Promise((resolve) =>
          statfs(folder, { bigint: true }, (error, found) => resolve(error === null && keepingTime.has(found.type))),
        ),
    ),
};

/** What the last complete scan of the repositories has read. */
export class RememberedFolders {
  #listings: ReadonlyMap<string, Listing> = new Map();
  #digests: ReadonlyMap<string, string> = new Map();

  readonly #facts: FileSystemFacts;

  constructor(facts: FileSystemFacts = systemFacts) {
    this.#facts = facts;
  }

  /** Runs a scan with reads of its own. What it read is remembered if it succeeds. */
  async scan<T>(run: (reads: FolderReads) => Promise<T>): Promise<T> {
    const listings = new Map<string, Listing>();
    const digests = new Map<string, string>();
    const devices = new Map<bigint, Promise<boolean>>();
    const entries = async (path: string, found: BigIntStats | null): Promise<readonly Dirent[]> => {
      if (found === null) return listFolder(path);
      const stamp = `${found.dev}:${found.ino}:${found.mtimeNs}:${found.ctimeNs}`;
      let listing = this.#listings.get(path);
      if (listing?.stamp !== stamp) {
        const changedMs = Number(found.mtimeMs > found.ctimeMs ? found.mtimeMs : found.ctimeMs);
        const isSettled = this.#facts.wallMs() - changedMs > settledMs;
        listing = { stamp, entries: await listFolder(path) };
        if (!isSettled || !(await once(devices, found.dev, () => this.#facts.keepsTime(path)))) return listing.entries;
      }
      listings.set(path, listing);
      return listing.entries;
    };
    const digest = (lines: readonly string[]): string => {
      const text = sortedText(lines);
      const known = this.#digests.get(text) ?? digestOf(text);
      digests.set(text, known);
      return known;
    };
    const result = await run({ entries, digest });
    this.#listings = listings;
    this.#digests = digests;
    return result;
  }
}

const sortedText = (lines: readonly string[]): string => [...lines].sort().join('\n');

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64');

function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Like `readdir` of fs/promises, at half its cost; so is `statOrNull`. */
const listFolder = (path: string): Promise<readonly Dirent[]> =>
  fileThreads.folders(
    () =>
      new Promise((resolve, reject) =>
        readdir(path, { withFileTypes: true }, (error, entries) => (error === null ? resolve(entries) : reject(error))),
      ),
  );

/** Errors that say that there is nothing there (any more). A dangling link counts as nothing. */
const absent: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** Null when it does not exist. */
export const statOrNull = (path: string): Promise<BigIntStats | null> =>
  fileThreads.folders(() => new Promise((resolve, reject) => stat(path, { bigint: true }, orNull(resolve, reject))));

/** As `statOrNull`, of a link itself: not null for one that leads nowhere. */
export const linkStatOrNull = (path: string): Promise<BigIntStats | null> =>
  fileThreads.folders(() => new Promise((resolve, reject) => lstat(path, { bigint: true }, orNull(resolve, reject))));

const orNull =
  (resolve: (found: BigIntStats | null) => void, reject: (error: Error) => void) =>
  (error: NodeJS.ErrnoException | null, found: BigIntStats): void => {
    if (error === null) resolve(found);
    else if (absent.has(error.code)) resolve(null);
    else reject(error);
  };
