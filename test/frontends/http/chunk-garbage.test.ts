import { describe, expect, it, vi } from 'vitest';
import { ChunkGarbage } from '../../../src/frontends/http/chunk-garbage.ts';

const MiB = 1024 * 1024;

describe('ChunkGarbage', () => {
  it('collects each time after twelve megabytes', () => {
    const collect = vi.fn();
    const garbage = new ChunkGarbage(collect);
    for (let i = 0; i < 11; i++) garbage.add(MiB);
    expect(collect).not.toHaveBeenCalled();
    garbage.add(MiB);
    expect(collect).toHaveBeenCalledOnce();
    for (let i = 0; i < 12; i++) garbage.add(MiB);
    expect(collect).toHaveBeenCalledTimes(2);
  });

  it('frees the buffers that nobody holds', () => {
    const garbage = new ChunkGarbage();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      garbage.add(Buffer.allocUnsafeSlow(65_536).length);
      if (i % 100 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(most).toBeLessThan(32 * MiB);
  });

  it('leaves no collector for everybody behind', () => {
    new ChunkGarbage().add(12 * MiB);
    expect((globalThis as { gc?: unknown }).gc).toBeUndefined();
  });
});
