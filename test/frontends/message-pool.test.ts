import { describe, expect, it } from 'vitest';
import { FakeClock } from '../fakes/fake-clock.ts';
import { type LargeBlocks, maxPooledBytes, MessagePool } from '../../src/frontends/message-pool.ts';
import { MemoryBudget } from '../../src/inference/memory-budget.ts';

const MiB = 1024 * 1024;

describe('MessagePool', () => {
  it.each([
    [1, 256],
    [256, 256],
    [257, 320],
    [4196, 5120],
    [65_536, 65_536],
    [65_537, 81_920],
    [602_112, 655_360],
    [MiB, MiB],
    [MiB + 1, 1.25 * MiB],
    [16 * MiB + 100, 20 * MiB],
    [maxPooledBytes, maxPooledBytes],
  ])('gives for %d bytes a block of %d', (bytes, blockBytes) => {
    expect(new MessagePool().take(bytes).length).toBe(blockBytes);
  });

  it('gives blocks that are at most a quarter larger than what is put into them', () => {
    const pool = new MessagePool();
    for (let bytes = 256; bytes < MiB; bytes = Math.ceil(bytes * 1.037)) {
      const { length } = pool.take(bytes);
      expect(length).toBeGreaterThanOrEqual(bytes);
      expect(length).toBeLessThanOrEqual(bytes * 1.25);
      expect(pool.take(length).length).toBe(length);
    }
  });

  it('gives a block again that came back, to those that need one of its size', () => {
    const pool = new MessagePool();
    const block = pool.take(100_000);
    expect(pool.take(100_000) === block).toBe(false);
    pool.giveBack(block);
    expect(pool.take(65_536) === block).toBe(false);
    expect(pool.take(114_689) === block).toBe(false);
    expect(pool.take(98_305) === block).toBe(true);
    expect(pool.take(98_305) === block).toBe(false);
  });

  it('reuses only memory that is there', () => {
    const pool = new MessagePool();
    expect(pool.reuse(1000)).toBeNull();
    const block = pool.take(1000);
    expect(pool.reuse(1000)).toBeNull();
    pool.giveBack(block);
    expect(pool.reuse(1000) === block).toBe(true);
    expect(pool.reuse(1000)).toBeNull();
  });

  it.each([
    ['128 MiB', new MemoryBudget(2 ** 40), 128],
    ['an eighth of the budget', new MemoryBudget(256 * MiB), 32],
  ])('keeps at most %s', (_, budget, keptMiB) => {
    const pool = new MessagePool(null, budget);
    const count = keptMiB / 8 + 2;
    const blocks = Array.from({ length: count }, () => pool.take(8 * MiB));
    for (const block of blocks) pool.giveBack(block);
    const again = Array.from({ length: count }, () => pool.take(8 * MiB));
    expect(again.filter((block) => blocks.includes(block))).toHaveLength(keptMiB / 8);
    for (const block of again) pool.giveBack(block);
    const small = pool.take(1);
    pool.giveBack(small);
    expect(pool.take(1) === small).toBe(false);
    pool.take(8 * MiB);
    pool.giveBack(small);
    expect(pool.take(1) === small).toBe(true);
  });

  it('lets go of blocks that were not needed while others of their size were', () => {
    const pool = new MessagePool();
    const blocks = Array.from({ length: 4 }, () => pool.take(1000));
    for (const block of blocks) pool.giveBack(block);
    pool.trim();
    for (let i = 0; i < 3; i++) {
      const two = [pool.take(1000), pool.take(1000)];
      for (const block of two) pool.giveBack(block);
    }
    expect(pool.trim()).toBe(true);
    const left = Array.from({ length: 4 }, () => pool.take(1000));
    expect(left.filter((block) => blocks.includes(block))).toHaveLength(2);
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
    const blocks = Array.from({ length: 2 }, () => pool.take(maxPooledBytes));
    for (const block of blocks) pool.giveBack(block);
    pool.trim();
    expect(pool.trim()).toBe(false);
    for (const block of blocks) pool.giveBack(block);
    expect(pool.take(maxPooledBytes) === blocks[1]).toBe(true);
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
    expect(clock.waitingCount).toBe(0);
    pool.giveBack(block);
    expect(clock.waitingCount).toBe(1);
  });

  it('copies a block that grows, and has its memory again', () => {
    const pool = new MessagePool();
    const block = pool.take(256).fill(7);
    const grown = pool.grow(block, 1000, 200);
    expect(grown.length).toBe(1024);
    expect(grown.subarray(0, 200).every((byte) => byte === 7)).toBe(true);
    expect(pool.take(256) === block).toBe(true);
  });

  it('makes, grows and frees what is larger than any block where it is told to', () => {
    const calls: string[] = [];
    const large: LargeBlocks = {
      allocateBlock(bytes) {
        calls.push(`allocate ${bytes / MiB}`);
        return new ArrayBuffer(bytes);
      },
      growBlock(block, bytes) {
        calls.push(`grow ${block.byteLength / MiB} to ${bytes / MiB}`);
        return new ArrayBuffer(bytes);
      },
      freeBlock(block) {
        calls.push(`free ${block.byteLength / MiB}`);
      },
    };
    const pool = new MessagePool(null, undefined, large);
    const pooled = pool.take(maxPooledBytes);
    pooled[9] = 5;
    const first = pool.grow(pooled, 128 * MiB, 10);
    expect([first.length, first[9]]).toEqual([128 * MiB, 5]);
    expect(pool.reuse(maxPooledBytes) === pooled).toBe(true);
    const second = pool.grow(first, 200 * MiB, 128 * MiB);
    expect(second.length).toBe(200 * MiB);
    pool.giveBack(second);
    pool.giveBack(pool.take(65 * MiB));
    expect(calls).toEqual(['allocate 128', 'grow 128 to 200', 'free 200', 'allocate 65', 'free 65']);
  });

  it('gives memory of an exact size for what is larger than any block, and does not keep it', () => {
    const clock = new FakeClock();
    const pool = new MessagePool(clock);
    const first = pool.take(maxPooledBytes + 1);
    expect(first.length).toBe(maxPooledBytes + 1);
    pool.giveBack(first);
    expect([pool.reuse(maxPooledBytes + 1), clock.waitingCount]).toEqual([null, 0]);
    expect(pool.take(maxPooledBytes + 1) === first).toBe(false);
  });
});
