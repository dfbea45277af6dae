/**
 * Installs the GPU runtime of a lock file: finds or downloads its wheels, checks them, unpacks the libraries beside the
 * place and moves the folder there in one step. Interrupted at any point, it leaves no runtime, or the whole one; the next
 * install uses what was downloaded.
 */

import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition, resourceExhausted } from '../errors.ts';
import { exclusively } from './install-mutex.ts';
import { manifestName, type RuntimeManifest, readRuntime } from './installed-runtimes.ts';
import { type LockedWheel, type RuntimeLock, runtimeName, wheelsFor } from './runtime-lock.ts';
import { unpackWheel } from './unpack-wheel.ts';
import { downloadWheel, wheelProblem } from './wheel-download.ts';
import type { WebClient } from './web-client.ts';

/** Where wheels come from: a folder, or an index. */
export type WheelSource =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'index'; readonly client: WebClient; readonly indexUrls: readonly string[] };

export interface InstallReport {
  /** The step that begins, for a person. */
  step(text: string): void;
  /** The bytes of a file that are there, and those it will have. */
  progress(file: string, done: number, total: number): void;
}

interface InstallTask {
  readonly lock: RuntimeLock;
  /** Such as `linux-x64`. */
  readonly platform: string;
  readonly source: WheelSource;
  /** The folder of runtimes; made if it does not exist. */
  readonly root: string;
  readonly report: InstallReport;
  readonly wait: (ms: number) => Promise<void>;
}

export interface Installation {
  readonly name: string;
  readonly folder: string;
  /** Of the libraries on disk. */
  readonly bytes: number;
  readonly downloadedBytes: number;
  /** False when it was there already. */
  readonly isNew: boolean;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);
const librariesOf = (wheels: readonly LockedWheel[]) => wheels.flatMap(({ libraries }) => libraries);
const downloads = '.downloads';
const stagingPrefix = '.unpacking-';
const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/**
 * Rejects with a sentence for the user: no wheels for this platform, an index that cannot be reached or has other files, no
 * room, no permission.
 */
export async function installRuntime(task: InstallTask): Promise<Installation> {
  const wheels = wheelsFor(task.lock, task.platform);
  const name = runtimeName(task.lock);
  const folder = join(task.root, name);
  const bytes = sumOf(librariesOf(wheels).map((library) => library.bytes));
  const done = { name, folder, bytes, downloadedBytes: 0, isNew: false };
  if (isInstalled(folder, name, task, wheels)) return done;
  try {
    mkdirSync(join(task.root, downloads), { recursive: true });
    const waiting = (owner: string): void => task.report.step(`waiting for the install of ${owner}`);
    return await exclusively(task.root, { waiting, wait: task.wait }, async () => {
      if (isInstalled(folder, name, task, wheels)) return done;
      checkRoom(task, wheels, bytes);
      const before = downloadedBytes(task.root);
      const files = await bringWheels(task, wheels);
      const downloaded = task.source.kind === 'index' ? sumOf(wheels.map((wheel) => wheel.bytes)) - before : 0;
      await unpackAll(task, wheels, files, folder);
      rmSync(join(task.root, downloads), { recursive: true, force: true });
      return { ...done, downloadedBytes: Math.max(0, downloaded), isNew: true };
    });
  } catch (error) {
    throw ofFileSystem(error, task.root);
  }
}

function isInstalled(folder: string, name: string, { platform }: InstallTask, wheels: readonly LockedWheel[]): boolean {
  const there = readRuntime(folder, name, platform);
  const wanted = wheels.map(wheelText);
  return there?.problem === null && there.manifest !== null && String(there.manifest.wheels) === String(wanted);
}

const wheelText = ({ project, version, sha256 }: LockedWheel): string => `${project} ${version} ${sha256}`;

/** Bytes of wheels, whole or not, that an earlier install left. */
function downloadedBytes(root: string): number {
  const folder = join(root, downloads);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return sumOf(names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0));
}

function checkRoom({ root, source }: InstallTask, wheels: readonly LockedWheel[], unpackedBytes: number): void {
  for (const name of readdirSync(root)) {
    // Of installs that were interrupted; nobody else is here.
    if (name.startsWith(stagingPrefix)) rmSync(join(root, name), { recursive: true, force: true });
  }
  const wheelBytes = source.kind === 'index' ? sumOf(wheels.map((wheel) => wheel.bytes)) : 0;
  const needed = unpackedBytes + Math.max(0, wheelBytes - downloadedBytes(root));
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < needed) {
    throw resourceExhausted(
      `the install needs ${mebibytes(needed)} in ${root}, which has ${mebibytes(bavail * bsize)} free; ` +
        'make room, or choose another folder with --into=DIR',
    );
  }
}

async function bringWheels({ source, root, report, wait }: InstallTask, wheels: readonly LockedWheel[]) {
  const files: string[] = [];
  if (source.kind === 'folder') {
    const missing = wheels.filter(({ file }) => !existsSync(join(source.path, file)));
    if (missing.length > 0) {
      const names = missing.map(({ file }) => file).join(', ');
      throw failedPrecondition(`${source.path} lacks ${missing.length} of ${wheels.length} wheels: ${names}`);
    }
  }
  for (const wheel of wheels) {
    if (source.kind === 'folder') {
      const path = join(source.path, wheel.file);
      report.step(`checking ${wheel.file}`);
      const problem = await wheelProblem(path, wheel);
      if (problem !== null) throw failedPrecondition(`${path} is not the file of the lock file: ${problem}`);
      files.push(path);
    } else {
      report.step(`downloading ${wheel.project} ${wheel.version} (${mebibytes(wheel.bytes)})`);
      const progress = (done: number, total: number): void => report.progress(wheel.file, done, total);
      files.push(await downloadWheel(wheel, join(root, downloads), { ...source, wait }, progress));
    }
  }
  return files;
}

async function unpackAll(
  { lock, platform, root, report }: InstallTask,
  wheels: readonly LockedWheel[],
  files: readonly string[],
  folder: string,
): Promise<void> {
  const staging = join(root, `${stagingPrefix}${randomUUID()}`);
  mkdirSync(staging);
  try {
    for (const [i, wheel] of wheels.entries()) {
      report.step(`unpacking ${wheel.project} ${wheel.version}`);
      await unpackWheel(files[i] as string, wheel, staging);
    }
    const libraries = librariesOf(wheels).map(({ name, bytes }) => ({ name, bytes }));
    const manifest: RuntimeManifest = {
      release: lock.release,
      cuda: lock.cuda,
      platform,
      wheels: wheels.map(wheelText),
      libraries,
    };
    writeFileSync(join(staging, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    toDisk(staging);
    moveIntoPlace(staging, folder);
    toDisk(root);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** What is in the way is a runtime that is not whole, or one of another lock file. */
function moveIntoPlace(staging: string, folder: string): void {
  const aside = `${staging}-replaced`;
  if (existsSync(folder)) renameSync(folder, aside);
  renameSync(staging, folder);
  rmSync(aside, { recursive: true, force: true });
}

/** The names in a folder survive a loss of power from here on. */
function toDisk(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Errors of the file system as sentences that say what to do; others as they are. */
function ofFileSystem(error: unknown, root: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const advice = 'choose another folder with --into=DIR';
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return resourceExhausted(`there is no room left in ${root}; make room, or ${advice}`, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return failedPrecondition(`${path ?? root} may not be written by this user; ${advice}`, error);
    case 'ENOTDIR':
    case 'EEXIST':
      return failedPrecondition(`${path ?? root} is in the way: a folder is needed there; ${advice}`, error);
    default:
      return error;
  }
}
