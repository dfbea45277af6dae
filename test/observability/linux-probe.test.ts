import { describe, expect, it } from 'vitest';
import { hostProbe, parseCpuTimes, parseMemory, processProbe } from '../../src/observability/linux-probe.ts';

const stat = (times: string) => `cpu  ${times}\ncpu0 1 2 3 4\nintr 5\n`;
const meminfo = 'MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n';

describe('the CPU times of the machine', () => {
  it('count idle and waiting for disks as not busy, and guests once', () => {
    expect(parseCpuTimes(stat('10 0 5 70 15 0 0 0 8 0'))).toEqual({ busy: 15, total: 100 });
  });

  it('are unknown in a text of another kind', () => {
    expect(parseCpuTimes('')).toBeNull();
    expect(parseCpuTimes('cpu0 1 2 3 4\n')).toBeNull();
  });
});

describe('the memory of the machine', () => {
  it('is used where it is not available', () => {
    expect(parseMemory(meminfo)).toEqual({ totalBytes: 1_024_000, usedBytes: 409_600 });
  });

  it('is unknown when the kernel does not tell it', () => {
    expect(parseMemory('MemTotal: 5 kB\n')).toBeNull();
  });
});

describe('the host probe', () => {
  it('tells the share of CPU time between two readings', () => {
    const stats = [stat('0 0 0 0 0'), stat('30 0 0 70 0'), stat('130 0 0 70 0')];
    const read = hostProbe((path) => (path === '/proc/stat' ? (stats.shift() ?? '') : meminfo));
    expect(read()?.cpuUtilization).toBeCloseTo(0.3);
    expect(read()?.cpuUtilization).toBe(1);
  });

  it('tells nothing where there is no /proc', () => {
    const read = hostProbe(() => {
      throw new Error('ENOENT');
    });
    expect(read()).toBeNull();
  });
});

describe('the process probe', () => {
  it('tells this process', () => {
    const reading = processProbe()();
    expect(reading.residentBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(reading.cpuSeconds).toBeGreaterThan(0);
    expect(reading.eventLoopUtilization).toBeGreaterThanOrEqual(0);
  });
});
