/**
 * Reads the machine from /proc and this process from Node: the probes that `machine-metrics.ts` is given in production.
 */

import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { HostReading, ProcessReading } from './machine-metrics.ts';

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/**
 * Parses the first line of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice. Null if
 * malformed.
 */
export function parseCpuTimes(stat: string): CpuTimes | null {
  const line = /^cpu +([\d ]+)$/m.exec(stat);
  // Guest time is already part of user and nice.
  const times = line?.[1]?.trim().split(/ +/).slice(0, 8).map(Number) ?? [];
  const idle = times[3];
  if (idle === undefined) return null;
  const total = times.reduce((sum, time) => sum + time, 0);
  return { total, busy: total - idle - (times[4] ?? 0) };
}

/** Null when /proc/meminfo lacks one of the two lines. */
export function parseMemory(meminfo: string): { readonly totalBytes: number; readonly usedBytes: number } | null {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? Number.NaN) * 1024;
  const totalBytes = bytes('MemTotal');
  const usedBytes = totalBytes - bytes('MemAvailable');
  return Number.isNaN(usedBytes) ? null : { totalBytes, usedBytes };
}

type ReadText = (path: string) => string;
const readText: ReadText = (path) => readFileSync(path, 'utf8');

/** Reads the state of the machine; null without /proc. Utilization is measured from one call to the next. */
export function hostProbe(read: ReadText = readText): () => HostReading | null {
  const times = (): CpuTimes | null => parseCpuTimes(read('/proc/stat'));
  const attempt = <T>(action: () => T | null): T | null => {
    try {
      return action();
    } catch {
      return null;
    }
  };
  let before = attempt(times);
  return () =>
    attempt(() => {
      const now = times();
      const memory = parseMemory(read('/proc/meminfo'));
      if (now === null || memory === null) return null;
      const elapsed = before === null ? 0 : now.total - before.total;
      const busy = before === null ? 0 : now.busy - before.busy;
      before = now;
      return {
        cpuUtilization: elapsed > 0 ? Math.min(1, Math.max(0, busy / elapsed)) : 0,
        memoryTotalBytes: memory.totalBytes,
        memoryUsedBytes: memory.usedBytes,
      };
    });
}

/** This process. Utilization is measured from one call to the next. */
export function processProbe(): () => ProcessReading {
  let busyBefore = performance.eventLoopUtilization();
  return () => {
    const usage = process.resourceUsage();
    const busyNow = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(busyNow, busyBefore);
    busyBefore = busyNow;
    return {
      cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      startTimeSeconds: performance.timeOrigin / 1e3,
      eventLoopUtilization: utilization,
    };
  };
}
