/**
 * One install at a time in a folder of runtimes, also when it is shared between containers: a file that its owner touches
 * as long as it lives. It saves two installs from downloading the same; that a runtime is whole does not depend on it.
 */

import { randomUUID } from 'node:crypto';
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

interface Owner {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
}

const touchMs = 2_000;
/** A machine that stands still for so long loses the folder to another. */
const staleMs = 30_000;
const pollMs = 500;

/** The owner written in the file; null when it is gone, or not written yet. */
function readOwner(path: string): Owner | null {
  try {
    const { token, pid, host } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner>;
    return { token: String(token), pid: Number(pid), host: String(host) };
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function isStale(path: string, owner: Owner | null, nowMs: number): boolean {
  if (owner !== null && owner.host === hostname() && !isRunning(owner.pid)) return true;
  const touchedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return touchedMs !== undefined && nowMs - touchedMs > staleMs;
}

function create(path: string, owner: Owner): boolean {
  try {
    const file = openSync(path, 'wx', 0o644);
    writeSync(file, JSON.stringify(owner));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the file of a dead owner, and no other: one that a third process made meanwhile is put back. */
function removeStale(path: string, owner: Owner | null): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readOwner(aside)?.token !== owner?.token) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Runs `work` while no other install works in `folder`, which exists.
 *
 * @param waiting called once when another install is on its way, with its process and host
 * @param wait waits between two looks
 */
export async function exclusively<Result>(
  folder: string,
  { waiting, wait }: { waiting: (owner: string) => void; wait: (ms: number) => Promise<void> },
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(folder, '.install-lock');
  const owner: Owner = { token: randomUUID(), pid: process.pid, host: hostname() };
  for (let hasWaited = false; !create(path, owner); ) {
    const other = readOwner(path);
    if (isStale(path, other, Date.now())) {
      removeStale(path, other);
      continue;
    }
    if (!hasWaited) waiting(other === null ? 'another process' : `process ${other.pid} on ${other.host}`);
    hasWaited = true;
    await wait(pollMs);
  }
  const timer = setInterval(() => touch(path), touchMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (readOwner(path)?.token === owner.token) rmSync(path, { force: true });
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (error) {
    // Taken away by somebody: the install goes on, see above.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
