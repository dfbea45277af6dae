/**
 * Folders for models whose files come in a load call. Their names hold the process id, its start time and its pid
 * namespace, so that folders of a killed process can be told from those of a running one.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Clock, systemClock } from '../time.ts';

const namePattern = /^nereid-model-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/** The pause between attempts to remove a folder, which needs a file descriptor. */
const retryMs = 1000;
const mostRetries = 600;

/** An empty folder of this process's own. */
export const makeTemporaryFolder = (parent: string = tmpdir()): Promise<string> =>
  mkdtemp(join(parent, `nereid-model-${process.pid}-${startTimeOf('self') ?? 0}-${pidNamespace()}-`));

/** Removes the folder with all that is in it; tries again for ten minutes where that fails. Never rejects before. */
export async function removeTemporaryFolder(path: string, clock: Clock = systemClock): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rm(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt >= mostRetries) throw error;
    }
    await new Promise<void>((resolve) => {
      clock.schedule(clock.now() + retryMs, resolve);
    });
  }
}

/** Removes the folders of processes that have ended; returns their number. Folders of running processes stay. */
export async function removeLeftovers(parent: string = tmpdir()): Promise<number> {
  let count = 0;
  for (const name of namesIn(parent)) {
    const [, pid, startTime, namespace] = namePattern.exec(name) ?? [];
    // The ids of another pid namespace (a container that shares the folder) have no meaning here.
    if (pid === undefined || namespace !== pidNamespace()) continue;
    if (startTimeOf(pid) === startTime) continue;
    const isGone = await rm(join(parent, name), { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (isGone) count++;
  }
  return count;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // A system without a temporary folder has no leftovers either.
    return [];
  }
}

/** Clock ticks between the start of the machine and of the process; null when there is no such process. */
function startTimeOf(pid: string): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the program's name, may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
