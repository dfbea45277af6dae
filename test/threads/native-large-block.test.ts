/** Blocks of the addon that grow without a copy and are freed at once. */

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';

const native = loadNativeThreads();
const MiB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Resident memory of this process that has no file, in MiB. */
const residentMiB = (): number =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;

describe('a large block', () => {
  it('has the bytes that were asked for, and they are zero', () => {
    const block = native.allocateBlock(5 * MiB + 1);
    expect(block).toBeInstanceOf(ArrayBuffer);
    expect(block.byteLength).toBe(5 * MiB + 1);
    expect(Buffer.from(block).every((byte) => byte === 0)).toBe(true);
    native.freeBlock(block);
  });

  it('keeps its bytes when it grows, and what it was is empty', () => {
    let block = native.allocateBlock(MiB);
    for (let size = 2; size <= 64; size *= 2) {
      Buffer.from(block).fill(size, (size * MiB) / 2 - 10);
      const before = block;
      const view = Buffer.from(before);
      block = native.growBlock(before, size * MiB);
      expect([before.byteLength, view.length, block.byteLength]).toEqual([0, 0, size * MiB]);
    }
    for (let size = 2; size <= 64; size *= 2) {
      const end = (size * MiB) / 2;
      expect([...Buffer.from(block).subarray(end - 10, end + 1)]).toEqual([...new Array(10).fill(size), 0]);
    }
    native.freeBlock(block);
  });

  it.runIf(process.platform === 'linux')('is in memory once while it grows, and not at all once it is freed', () => {
    collect();
    const before = residentMiB();
    let block = native.allocateBlock(32 * MiB);
    for (let size = 64; size <= 256; size *= 2) {
      Buffer.from(block).fill(1);
      block = native.growBlock(block, size * MiB);
      expect(residentMiB() - before).toBeLessThan(size / 2 + 16);
    }
    const view = Buffer.from(block).fill(1);
    expect(residentMiB() - before).toBeGreaterThan(240);
    native.freeBlock(block);
    expect([block.byteLength, view.length]).toEqual([0, 0]);
    expect(residentMiB() - before).toBeLessThan(16);
  });

  it.runIf(process.platform === 'linux')('is freed by the collector when nobody has it any more', async () => {
    const before = residentMiB();
    (() => void Buffer.from(native.allocateBlock(128 * MiB)).fill(1))();
    for (let turn = 0; turn < 100 && residentMiB() - before > 64; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    expect(residentMiB() - before).toBeLessThan(64);
  });

  it('is not freed or grown twice, and other buffers are left alone', () => {
    const block = native.allocateBlock(MiB);
    const grown = native.growBlock(block, 2 * MiB);
    expect(() => native.growBlock(block, 4 * MiB)).toThrow(TypeError);
    expect(() => native.growBlock(grown, MiB)).toThrow(TypeError);
    expect(() => native.growBlock(new ArrayBuffer(8), 16)).toThrow(TypeError);
    native.freeBlock(grown);
    native.freeBlock(grown);
    const other = new ArrayBuffer(8);
    native.freeBlock(other);
    expect(other.byteLength).toBe(8);
  });

  it.each([0, -1, Number.NaN, '4096', null])('is refused for %o bytes', (bytes) => {
    expect(() => native.allocateBlock(bytes as number)).toThrow(TypeError);
  });

  it('is refused where there is no memory for it, and the one that should grow stays', () => {
    expect(() => native.allocateBlock(2 ** 50)).toThrow(/no memory for a block of 1125899906842624 bytes/);
    const block = native.allocateBlock(MiB);
    Buffer.from(block)[5] = 3;
    expect(() => native.growBlock(block, 2 ** 50)).toThrow(RangeError);
    expect([block.byteLength, Buffer.from(block)[5]]).toEqual([MiB, 3]);
    native.freeBlock(block);
  });
});
