/** Shared memory seen as if it were not, through the addon. */

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';

const native = loadNativeThreads();

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a plain view', () => {
  it('is the same memory, of a kind that is not shared', () => {
    const shared = new SharedArrayBuffer(64);
    const view = native.plainView(new Uint8Array(shared, 8, 16)) as ArrayBuffer;
    expect(view).toBeInstanceOf(ArrayBuffer);
    expect(view.byteLength).toBe(16);
    new Uint8Array(view)[3] = 7;
    expect(new Uint8Array(shared)[11]).toBe(7);
    new Uint8Array(shared)[8] = 9;
    expect(new Uint8Array(view)[0]).toBe(9);
  });

  it('keeps the memory that it shows', async () => {
    const views: ArrayBuffer[] = [];
    for (let i = 0; i < 50; i++) {
      const shared = new SharedArrayBuffer(1 << 20);
      new Uint8Array(shared).fill(i);
      views.push(native.plainView(new Uint8Array(shared)) as ArrayBuffer);
    }
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    for (const [i, view] of views.entries()) {
      const bytes = new Uint8Array(view);
      expect([bytes[0], bytes[bytes.length - 1]]).toEqual([i, i]);
    }
  });

  it('lets go of it when it is collected', async () => {
    let isGone = false;
    const registry = new FinalizationRegistry(() => {
      isGone = true;
    });
    (() => {
      const shared = new SharedArrayBuffer(1024);
      registry.register(shared, null);
      native.plainView(new Uint8Array(shared));
    })();
    for (let turn = 0; turn < 100 && !isGone; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    expect(isGone).toBe(true);
  });

  it('is of bytes only', () => {
    for (const wrong of [undefined, new Float64Array(2), new SharedArrayBuffer(8)]) {
      expect(() => native.plainView(wrong as unknown as Uint8Array)).toThrow('native: plainView(bytes)');
    }
  });
});

describe('memory that is discarded', () => {
  const mib = 2 ** 20;
  const residentMiB = (): number => {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return Number(kib) / 1024;
  };

  it("is the system's again at once, and its views stay valid and can be written", () => {
    const shared = new SharedArrayBuffer(256 * mib);
    const view = new Uint8Array(native.plainView(new Uint8Array(shared)) as ArrayBuffer);
    view.fill(7);
    const before = residentMiB();
    native.discardMemory(view);
    expect(before - residentMiB()).toBeGreaterThan(200);
    expect(view[128 * mib]).toBe(0);
    view[128 * mib] = 9;
    expect(new Uint8Array(shared)[128 * mib]).toBe(9);
  });

  it('is none outside of the bytes', () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(mib)).fill(7);
    native.discardMemory(bytes.subarray(1000, 1000 + mib / 2));
    expect(bytes.subarray(0, 1000).every((byte) => byte === 7)).toBe(true);
    expect(bytes.subarray(1000 + mib / 2).every((byte) => byte === 7)).toBe(true);
    native.discardMemory(bytes.subarray(0, 100));
    expect(bytes[50]).toBe(7);
    native.discardMemory(bytes.subarray(0, 0));
  });

  it('is of bytes only', () => {
    for (const wrong of [undefined, new Float64Array(2), new SharedArrayBuffer(8)]) {
      expect(() => native.discardMemory(wrong as unknown as Uint8Array)).toThrow('native: discardMemory(bytes)');
    }
  });
});
