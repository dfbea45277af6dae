/** Memory of a link on the writer's side: places of blocks, reuse of pages, and announcements to the reader. */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Page } from '../../../src/threads/pages/page.ts';
import { PageArena } from '../../../src/threads/pages/page-arena.ts';

const sharedPageBytes = 256 * 1024;
const largestShared = sharedPageBytes / 4;
const largeBytes = 8 * 1024 * 1024;
const maxIdleBytes = 32 * 1024 * 1024;

let announced: Map<number, SharedArrayBuffer>;
/** Lengths of what went back to the system. */
let discarded: number[];
let arena: PageArena;

beforeEach(() => {
  announced = new Map();
  discarded = [];
  arena = new PageArena(
    (id, memory) => announced.set(id, memory),
    ({ length }) => discarded.push(length),
  );
});

const idOf = (block: Uint8Array): number => (arena.pageOf(block.buffer) as Page).id;

describe('an arena of pages', () => {
  it('announces each page once, before anything in it is handed out', () => {
    const ids: number[] = [];
    const told = new PageArena(
      (id) => ids.push(id),
      () => undefined,
    );
    for (let i = 0; i < 100; i++) {
      const block = told.take(10_000);
      expect(ids).toContain(told.pageOf(block.buffer)?.id);
    }
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, id) => id));
    expect(announced.size).toBe(1);
  });

  it('announces the memory that blocks lie in', () => {
    const block = arena.take(100);
    block.fill(7);
    const memory = announced.get(idOf(block)) as SharedArrayBuffer;
    expect([...new Uint8Array(memory, block.byteOffset, 100)]).toEqual([...block]);
  });

  it('starts every block at eight bytes and lets none overlap', () => {
    const sizes = [1, 7, 8, 9, 0, 3, 4096, 15, 65_536, 65_537, 100_000, 1, 300_001];
    const blocks = sizes.map((bytes) => arena.take(bytes));
    for (const [at, block] of blocks.entries()) {
      expect(block.length).toBe(sizes[at]);
      expect(block.byteOffset % 8).toBe(0);
      block.fill(at + 1);
    }
    for (const [at, block] of blocks.entries()) expect(block.every((byte) => byte === at + 1)).toBe(true);
  });

  it('puts many small allocations into one page', () => {
    const pages = new Set(Array.from({ length: sharedPageBytes / 64 }, () => idOf(arena.take(60))));
    expect(pages.size).toBe(1);
    expect(idOf(arena.take(1))).not.toBe([...pages][0]);
  });

  it('says where the last room begins', () => {
    const { id } = arena.reserve(20);
    expect(arena.start).toBe(0);
    expect(arena.reserve(8).id).toBe(id);
    expect(arena.start).toBe(24);
  });

  it('fills a page to its very end', () => {
    const { id } = arena.reserve(largestShared);
    for (let i = 0; i < 3; i++) expect(arena.reserve(largestShared).id).toBe(id);
    expect(arena.start + largestShared).toBe(sharedPageBytes);
    expect(arena.reserve(1).id).not.toBe(id);
  });

  it('gives an allocation larger than a quarter a page of its own', () => {
    const small = idOf(arena.take(8));
    expect(idOf(arena.take(largestShared))).toBe(small);
    const large = arena.take(largestShared + 1);
    expect(idOf(large)).not.toBe(small);
    expect(large.byteOffset).toBe(0);
    expect(idOf(arena.take(largestShared + 1))).not.toBe(idOf(large));
    expect(idOf(arena.take(8))).toBe(small);
  });

  it('knows nothing of memory from elsewhere', () => {
    expect(arena.pageOf(new ArrayBuffer(8))).toBeUndefined();
    expect(arena.pageOf(new SharedArrayBuffer(8))).toBeUndefined();
    const other = new PageArena(
      () => undefined,
      () => undefined,
    );
    expect(arena.pageOf(other.take(8).buffer)).toBeUndefined();
    const page = arena.reserve(8);
    arena.giveBack(Buffer.alloc(8));
    expect(page.liveCount).toBe(1);
  });
});

describe('pages that were given back', () => {
  it('start over while they are being filled, once nothing in them is live', () => {
    const blocks = [arena.take(100), arena.take(200)];
    arena.giveBack(blocks[0]);
    expect(arena.take(8).byteOffset).toBeGreaterThan(0);
    arena.giveBack(blocks[1]);
    const last = arena.take(8);
    expect(last.byteOffset).toBeGreaterThan(0);
    const page = arena.pageOf(last.buffer) as Page;
    arena.release(page);
    arena.release(page);
    expect(arena.take(8).byteOffset).toBe(0);
    expect(announced.size).toBe(1);
  });

  it('are not used again while something in them is live', () => {
    const kept = arena.take(largestShared);
    kept.fill(1);
    const others = [1, 2, 3].map(() => arena.take(largestShared));
    for (const other of others) arena.giveBack(other);
    for (let i = 0; i < 40; i++) {
      const block = arena.take(largestShared);
      expect(idOf(block)).not.toBe(idOf(kept));
      block.fill(2);
    }
    expect(kept.every((byte) => byte === 1)).toBe(true);
  });

  it('are used again when all of it was given back', () => {
    const first = Array.from({ length: 4 }, () => arena.take(largestShared));
    arena.take(8);
    for (const block of first) arena.giveBack(block);
    expect(announced.size).toBe(2);
    const again = Array.from({ length: 4 }, () => arena.take(largestShared));
    expect(new Set(again.map(idOf))).toContain(idOf(first[0]));
    expect(announced.size).toBe(2);
  });

  it('of one large allocation are reused for one of the same power of two', () => {
    const first = arena.take(600_000);
    const id = idOf(first);
    arena.giveBack(first);
    expect(idOf(arena.take(1_000_000))).toBe(id);
    expect(idOf(arena.take(600_000))).not.toBe(id);
  });

  it('bound the number of pages for any length of service', () => {
    const live: Buffer[] = [];
    for (let i = 0; i < 20_000; i++) {
      live.push(arena.take((i * 7919) % 200_000));
      if (live.length > 20) arena.giveBack(live.shift() as Buffer);
    }
    expect(announced.size).toBeLessThan(60);
  });

  it('of any size are used again', () => {
    for (const bytes of [20_000_000, 200_000_000]) {
      const first = arena.take(bytes);
      const id = idOf(first);
      arena.giveBack(first);
      expect(idOf(arena.take(bytes + 1))).toBe(id);
    }
  });

  it('keep memory up to a bound in all; the rest goes back to the system and its pages are used again', () => {
    const fitting = maxIdleBytes / largeBytes;
    const blocks = Array.from({ length: fitting + 2 }, () => arena.take(largeBytes));
    for (const block of blocks) arena.giveBack(block);
    expect(arena.idleBytes).toBe(maxIdleBytes);
    expect(discarded).toEqual([largeBytes, largeBytes]);
    const before = announced.size;
    for (const _ of blocks) arena.take(largeBytes);
    expect(announced.size).toBe(before);
    expect(arena.idleBytes).toBe(0);
  });

  it('count by the bytes written to them, not by their size', () => {
    const block = arena.take(20_000_000);
    expect((arena.pageOf(block.buffer) as Page).bytes.length).toBe(2 ** 25);
    arena.giveBack(block);
    expect(arena.idleBytes).toBe(20_000_000);
    arena.giveBack(arena.take(maxIdleBytes));
    expect(arena.idleBytes).toBe(maxIdleBytes);
    arena.trim();
    arena.trim();
    expect(discarded).toEqual([maxIdleBytes]);
  });

  it('give their memory to the system by a trim after a time without use', () => {
    expect(arena.trim()).toBe(false);
    arena.giveBack(arena.take(largeBytes));
    expect(arena.trim()).toBe(true);
    expect(arena.trim()).toBe(false);
    expect(discarded).toEqual([largeBytes]);
    const before = announced.size;
    for (let i = 0; i < 5; i++) {
      arena.giveBack(arena.take(largeBytes));
      expect(arena.trim()).toBe(true);
    }
    expect(announced.size).toBe(before);
    expect(discarded).toHaveLength(1);
  });
});

describe('the account of an arena', () => {
  it('is the number of unreleased allocations', () => {
    expect(arena.openCount).toBe(0);
    const blocks = [arena.take(8), arena.take(500_000), arena.take(50_000_000)];
    const page = arena.reserve(16);
    const leased = arena.lease(page.bytes.subarray(arena.start, arena.start + 16));
    expect([leased?.region, leased?.offset, leased?.length]).toEqual([page, arena.start, 16]);
    expect(arena.lease(new Uint8Array(16))).toBeNull();
    expect(arena.openCount).toBe(5);
    for (const block of blocks) arena.giveBack(block);
    arena.release(page);
    expect(page.liveCount).toBe(1);
    arena.release(page);
    expect(arena.openCount).toBe(0);
  });
});
