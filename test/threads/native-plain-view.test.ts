/** Shared memory seen as if it were not, through the addon. */

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
