/**
 * Scans of models that were scanned before. A scan of a model is a function of what it has read: the facts of files, and
 * the entries of folders. On file systems that change the times of a folder with every entry that comes or goes, facts
 * alone tell whether a scan would find the same. They are read for many models at once, and where they are as before, the
 * result of the earlier scan stands. Why: docs/decisions/0039-scans-by-facts.md.
 */

import { type BigIntStats, type Dirent, statfs } from 'node:fs';

import { fileThreads } from '../file-threads.ts';
import { systemClock } from '../time.ts';
import { factsOf, factsPerFile, type ReadFacts } from './file-facts.ts';
import { type FolderReads, plainReads } from './folder-reads.ts';
import type { ModelFolder, ScanOneModel } from './layout.ts';

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

/** Files whose facts are read in one call: some milliseconds on a local disk. */
const filesPerRead = 1_024;

/** A parameter, so that tests can set them. */
export interface FileSystemFacts {
  readonly read: ReadFacts;
  /** The clock that files are stamped with, in milliseconds. */
  wallMs(): number;
  /** Whether the file system of this folder changes the times of a folder with every entry that comes or goes. */
  keepsTime(folder: string): Promise<boolean>;
}

const systemFacts = (read: ReadFacts): FileSystemFacts => ({
  read,
  wallMs: () => systemClock.wallMs(),
  keepsTime: (folder) =>
    fileThreads.folders(
      () =>
        new Promise((resolve) =>
          statfs(folder, { bigint: true }, (error, found) => resolve(error === null && keepingTime.has(found.type))),
        ),
    ),
});

interface RememberedModel {
  readonly folder: ModelFolder;
  /** The files that its scan has looked at, each followed by NUL. */
  readonly paths: string;
  readonly facts: BigInt64Array;
}

/** Models whose facts are read in one call. */
interface Group {
  readonly models: readonly RememberedModel[];
  readonly paths: string;
  readonly facts: BigInt64Array;
}

/** The models of the last complete scan of the repositories. */
export class RememberedModels {
  readonly #facts: FileSystemFacts;
  #models: ReadonlyMap<string, RememberedModel> = new Map();
  #groups: readonly Group[] = [];

  constructor(facts: FileSystemFacts) {
    this.#facts = facts;
  }

  /** On the file systems of this machine. */
  static reading(read: ReadFacts): RememberedModels {
    return new RememberedModels(systemFacts(read));
  }

  /** Runs a scan. The models that it meets are remembered if it succeeds. */
  async scan<T>(run: (scanModel: ScanOneModel) => Promise<T>): Promise<T> {
    const unchanged = new Set<RememberedModel>();
    for (const same of await Promise.all(this.#groups.map((group) => this.#unchanged(group))))
      for (const model of same) unchanged.add(model);
    const met = new Map<string, RememberedModel>();
    const devices = new Map<bigint, Promise<boolean>>();
    const result = await run(async (path, read) => {
      const known = this.#models.get(path);
      if (known !== undefined && unchanged.has(known)) {
        met.set(path, known);
        return known.folder;
      }
      const reads = new RecordedReads(this.#facts, devices);
      const folder = await read(reads);
      if (folder.problem === null && reads.areAllSettled) met.set(path, reads.rememberFor(folder));
      return folder;
    });
    this.#remember(met);
    return result;
  }

  #remember(met: ReadonlyMap<string, RememberedModel>): void {
    const isSame =
      met.size === this.#models.size && [...met].every(([path, model]) => this.#models.get(path) === model);
    if (isSame) return;
    this.#models = met;
    this.#groups = groupsOf([...met.values()]);
  }

  async #unchanged({ models, paths, facts }: Group): Promise<readonly RememberedModel[]> {
    const now = await this.#facts.read(paths);
    if (areEqual(now, facts)) return models;
    let end = 0;
    return models.filter((model) => {
      const start = end;
      end += model.facts.length;
      return areEqual(now.subarray(start, end), model.facts);
    });
  }
}

function groupsOf(models: readonly RememberedModel[]): readonly Group[] {
  const groups: Group[] = [];
  let open: RememberedModel[] = [];
  let files = 0;
  const close = (): void => {
    if (open.length === 0) return;
    const facts = new BigInt64Array(files * factsPerFile);
    let at = 0;
    for (const model of open) {
      facts.set(model.facts, at);
      at += model.facts.length;
    }
    groups.push({ models: open, paths: open.map(({ paths }) => paths).join(''), facts });
    open = [];
    files = 0;
  };
  for (const model of models) {
    open.push(model);
    files += model.facts.length / factsPerFile;
    if (files >= filesPerRead) close();
  }
  close();
  return groups;
}

const areEqual = (a: BigInt64Array, b: BigInt64Array): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

const bytesOf = ({ buffer, byteOffset, byteLength }: BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The reads of one model, which are recorded. */
class RecordedReads implements FolderReads {
  readonly #system: FileSystemFacts;
  readonly #devices: Map<bigint, Promise<boolean>>;
  readonly #paths: string[] = [];
  readonly #facts: bigint[] = [];
  /** False when a file could not be looked at, or a folder may hold other entries while its times are the same. */
  areAllSettled = true;

  /** @param devices whether their file systems keep the times of folders, as far as it is known in this scan */
  constructor(system: FileSystemFacts, devices: Map<bigint, Promise<boolean>>) {
    this.#system = system;
    this.#devices = devices;
  }

  async stat(path: string): Promise<BigIntStats | null> {
    try {
      const found = await plainReads.stat(path);
      this.#paths.push(path);
      this.#facts.push(...factsOf(found));
      return found;
    } catch (error) {
      this.areAllSettled = false;
      throw error;
    }
  }

  async entries(path: string, found: BigIntStats | null): Promise<readonly Dirent[]> {
    const entries = await plainReads.entries(path, found);
    if (this.areAllSettled && !(found !== null && (await this.#isSettled(path, found)))) this.areAllSettled = false;
    return entries;
  }

  async #isSettled(path: string, { dev, mtimeMs, ctimeMs }: BigIntStats): Promise<boolean> {
    const changedMs = Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs);
    if (this.#system.wallMs() - changedMs <= settledMs) return false;
    const keepsTime = this.#devices.get(dev) ?? this.#system.keepsTime(path);
    this.#devices.set(dev, keepsTime);
    return keepsTime;
  }

  rememberFor(folder: ModelFolder): RememberedModel {
    const paths = this.#paths.map((path) => `${path}\0`).join('');
    return { folder, paths, facts: BigInt64Array.from(this.#facts) };
  }
}
