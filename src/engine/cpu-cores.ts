/** How many cores this process may keep busy: the affinity mask and the CPU quotas of its control groups (v1 and v2). */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** The text of a file, or null when it cannot be read. */
type ReadText = (path: string) => string | null;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

/**
 * Whole cores, at least 1. A quota of 2.5 cores counts as 2: a third thread would be stopped for half of each period.
 *
 * @param affinityCores cores of the affinity mask
 */
export function cpuCores(affinityCores: number = availableParallelism(), read: ReadText = readText): number {
  const quota = smallestQuota(read('/proc/self/cgroup') ?? '', read);
  return Math.max(1, Math.floor(Math.min(affinityCores, quota)));
}

/** Cores by the tightest quota of the group or of one that it lies in; Infinity without any. */
function smallestQuota(groups: string, read: ReadText): number {
  let cores = Number.POSITIVE_INFINITY;
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') cores = Math.min(cores, ...quotas('/sys/fs/cgroup', path, read, quotaV2));
    else if (controllers.split(',').includes('cpu')) {
      for (const mount of ['/sys/fs/cgroup/cpu', `/sys/fs/cgroup/${controllers}`]) {
        cores = Math.min(cores, ...quotas(mount, path, read, quotaV1));
      }
    }
  }
  return cores;
}

/** Inside a container the path may not be visible below the mount; the walk up then ends at the container's own root. */
function* quotas(
  mount: string,
  path: string,
  read: ReadText,
  quota: (folder: string, read: ReadText) => number,
): Generator<number> {
  for (let at = path; ; at = dirname(at)) {
    yield quota(join(mount, at), read);
    if (at === '/') return;
  }
}

/** `cpu.max`: quota or "max", then the period, in microseconds. */
function quotaV2(folder: string, read: ReadText): number {
  const [quota, period] = (read(join(folder, 'cpu.max')) ?? '').trim().split(' ');
  return ratio(Number(quota), Number(period));
}

/** A quota of -1 is none. */
function quotaV1(folder: string, read: ReadText): number {
  return ratio(Number(read(join(folder, 'cpu.cfs_quota_us'))), Number(read(join(folder, 'cpu.cfs_period_us'))));
}

const ratio = (quota: number, period: number): number =>
  quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
