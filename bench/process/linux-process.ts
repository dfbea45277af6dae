/** CPU time and resident memory of a running process, from /proc. */

import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's USER_HZ: what /proc counts processor time in on every architecture that Node.js runs on. */
const ticksPerSecond = 100;

/** User plus system time of a line of /proc/…/stat, in microseconds. */
function cpuUsOfStat(stat: string): number {
  // The second field is the program's name in parentheses and may hold anything; counting begins after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const userTicks = Number(fields[11]);
  const systemTicks = Number(fields[12]);
  return ((userTicks + systemTicks) * 1e6) / ticksPerSecond;
}

/** User and system time of all threads since the process began, in microseconds; ended threads included. */
export function cpuUs(pid: number): number {
  return cpuUsOfStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** The same for each thread that is alive, by its id. */
export function threadCpuUs(pid: number): Map<string, number> {
  const byThread = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      byThread.set(thread, cpuUsOfStat(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return byThread;
}

/** Resident set size in bytes. */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (found === null) throw new Error(`process ${pid}: expected VmRSS in its status; it has ended`);
  return Number(found[1]) * 1024;
}
