import { describe, expect, it } from 'vitest';
import { parseMemoryStatus, processMemory } from '../../../../src/lifecycle/kinds/onnx/process-memory.ts';

describe('the memory of the process', () => {
  it('is read from the lines of /proc/self/status', () => {
    const status = 'Name:\tnode\nVmPeak:\t  9000 kB\nVmHWM:\t   300 kB\nVmRSS:\t   200 kB\nThreads:\t7\n';
    expect(parseMemoryStatus(status)).toEqual({ residentBytes: 200 * 1024, peakBytes: 300 * 1024 });
  });

  it('is unknown where a line is missing', () => {
    expect(parseMemoryStatus('Name:\tnode\nVmHWM:\t 300 kB\n')).toBeNull();
    expect(parseMemoryStatus('Name:\tnode\nVmRSS:\t 200 kB\n')).toBeNull();
    expect(parseMemoryStatus('')).toBeNull();
  });

  it('is as large as Node says', () => {
    const { residentBytes, peakBytes } = processMemory.read();
    const byNode = process.memoryUsage.rss();
    expect(residentBytes).toBeGreaterThan(byNode / 2);
    expect(residentBytes).toBeLessThan(byNode * 2);
    expect(peakBytes).toBeGreaterThanOrEqual(residentBytes);
  });
});
