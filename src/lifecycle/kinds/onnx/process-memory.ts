/** The memory of this process as the operating system counts it; a parameter, so that tests can set it. */

import { openSync, readSync } from 'node:fs';

export interface MemoryReading {
  /** Bytes of physical memory that the process holds now. */
  readonly residentBytes: number;
  /** The most that it ever held. */
  readonly peakBytes: number;
}

export interface MemoryProbe {
  read(): MemoryReading;
  /** Bytes that it may still take before the cgroup or the machine has none left. */
  availableBytes(): number;
}

const statusBytes = 4096;

/** Parses /proc/self/status; null where it lacks one of the two lines. */
export function parseMemoryStatus(status: string): MemoryReading | null {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024;
  const reading = { residentBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
  return Number.isNaN(reading.residentBytes + reading.peakBytes) ? null : reading;
}

/**
 * Reads /proc/self/status, whose cost does not grow with the threads of the process: for getrusage(2) and
 * /proc/self/stat, which Node reads, the kernel adds up the times of all of them.
 */
function statusReader(): () => MemoryReading | null {
  const bytes = Buffer.allocUnsafeSlow(statusBytes);
  let descriptor: number | null = null;
  return () => {
    descriptor ??= openSync('/proc/self/status', 'r');
    return parseMemoryStatus(bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, statusBytes, 0)));
  };
}

/** Other systems have no such file. */
const readStatus = process.platform === 'linux' ? statusReader() : () => null;

export const processMemory: MemoryProbe = {
  read: () =>
    readStatus() ?? {
      residentBytes: process.memoryUsage.rss(),
      peakBytes: process.resourceUsage().maxRSS * 1024,
    },
  availableBytes: () => process.availableMemory(),
};
