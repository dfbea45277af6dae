import { describe, expect, it } from 'vitest';
import { FakeClock } from '../fakes/fake-clock.ts';
import { maxPooledBytes, MessagePool } from '../../src/frontends/message-pool.ts';

const MiB = 1024 * 1024;

describe('MessagePool', () => {
  it.each([
    [1, 65_536],
    [65_536, 65_536],
    [65_537, 131_072],
    [602_112, MiB],
    [MiB, MiB],
    [MiB + 1, 2 * MiB],
    [maxPooledBytes, maxPooledBytes],
  ])('gives for %d bytes a block of %d', (bytes, blockBytes) => {
    expect(new MessagePool().take(bytes).length).toBe(blockBytes);
  });

  it('allocates what is no size for a block, each time anew', () => {
    const pool = new MessagePool();
    const first = pool.allocate(100);
    expect([first.length, pool.allocate(100) === first, pool.allocate(0).length]).toEqual([100, false, 0]);
  });

  it('gives a block again that came back, to those that need one of its size', () => {
    const pool = new MessagePool();
    const block = pool.take(100_000);
    expect(pool.take(100_000)).not.toBe(block);
    pool.giveBack(block);
    expect(pool.take(65_536)).not.toBe(block);
    expect(pool.take(131_073)).not.toBe(block);
    expect(pool.take(65_537)).toBe(block);
    expect(pool.take(65_537)).not.toBe(block);
  });

  it('keeps 32 MiB at most', () => {
    const pool = new MessagePool();
    const blocks = Array.from({ length: 6 }, () => pool.take(maxPooledBytes));
    for (const block of blocks) pool.giveBack(block);
    const again = Array.from({ length: 6 }, () => pool.take(maxPooledBytes));
    expect(again.filter((block) => blocks.includes(block))).toHaveLength(4);
    for (const block of again) pool.giveBack(block);
    const small = pool.take(1);
    pool.giveBack(small);
    expect(pool.take(1)).not.toBe(small);
    pool.take(maxPooledBytes);
    pool.giveBack(small);
    expect(pool.take(1)).toBe(small);
  });

  it('lets go of what was not needed since it was trimmed last', () => {
    const pool = new MessagePool();
    const block = pool.take(1);
    pool.giveBack(block);
    expect(pool.trim()).toBe(true);
    expect(pool.take(1)).toBe(block);
    pool.giveBack(block);
    expect(pool.trim()).toBe(true);
    expect(pool.trim()).toBe(false);
    expect(pool.take(1)).not.toBe(block);
  });

  it('has room again after it was trimmed', () => {
    const pool = new MessagePool();
    const blocks = Array.from({ length: 4 }, () => pool.take(maxPooledBytes));
    for (const block of blocks) pool.giveBack(block);
    pool.trim();
    expect(pool.trim()).toBe(false);
    for (const block of blocks) pool.giveBack(block);
    expect(blocks).toContain(pool.take(maxPooledBytes));
  });

  it('trims itself by a clock, and stops when nothing is left', () => {
    const clock = new FakeClock();
    const pool = new MessagePool(clock);
    const block = pool.take(1);
    pool.giveBack(block);
    clock.advance(5000);
    expect(pool.take(1)).toBe(block);
    pool.giveBack(block);
    clock.advance(10_000);
    expect(clock.waitingCount).toBe(0);
    expect(pool.take(1)).not.toBe(block);
    expect(clock.waitingCount).toBe(1);
  });

  it('has memory of an exact size for what is smaller or larger than a block', () => {
    const pool = new MessagePool();
    expect(pool.allocate(10).length).toBe(10);
    expect(pool.allocate(maxPooledBytes + 1).length).toBe(maxPooledBytes + 1);
  });
});
