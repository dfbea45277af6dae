import { describe, expect, it } from 'vitest';
import type { NativeAddon } from '../../src/engine/native.ts';
import { OutputSlabs } from '../../src/engine/output-slabs.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';

/** The part of the addon that slabs need; remembers what was asked. */
function fakeAddon(dropped: readonly number[] | null = null) {
  const calls: string[] = [];
  const addon = {
    slabBuffer(_instance: number, slab: number) {
      calls.push(`buffer ${slab}`);
      return new ArrayBuffer(256);
    },
    releaseSlab(_instance: number, slab: number) {
      calls.push(`release ${slab}`);
      return dropped;
    },
    discardBuffer() {
      calls.push('discard');
    },
  } as Partial<NativeAddon> as NativeAddon;
  return { addon, calls };
}

/** A reply with one output. */
const reply = (offset: number, bytes: number, ...shape: number[]): Float64Array =>
  Float64Array.of(0, 0, 0, 0, 0, 0, offset, bytes, shape.length, ...shape);

describe('the output slabs of an instance', () => {
  it('ask for a buffer once and use the views of the same kind of batch again', () => {
    const { addon, calls } = fakeAddon();
    const slabs = new OutputSlabs(addon, 3, ['FP32', 'INT8']);
    const first = slabs.read(reply(64, 8, 2), 0, [0]);
    expect(first[0]).toMatchObject({ index: 0, datatype: 'FP32', shape: [2] });
    expect([hostBytes(first[0].data).byteOffset, first[0].data.length]).toEqual([64, 8]);
    slabs.release(0);
    expect(slabs.read(reply(64, 8, 2), 0, [0])).toBe(first);
    slabs.release(0);
    for (const [control, wanted] of [
      [reply(0, 8, 2), [0]],
      [reply(0, 4, 2), [0]],
      [reply(0, 4, 1, 2), [0]],
      [reply(0, 4, 1, 3), [0]],
      [reply(0, 4, 1, 3), [1]],
    ] as const) {
      const [output] = slabs.read(control, 0, wanted);
      expect(output.index).toBe(wanted[0]);
      expect(output.shape).toEqual([...control.slice(9)]);
      expect(output.data.length).toBe(control[7]);
      slabs.release(0);
    }
    expect(calls.filter((call) => call === 'buffer 0').length).toBe(1);
  });

  it('give each slab back once', () => {
    const { addon, calls } = fakeAddon();
    const slabs = new OutputSlabs(addon, 3, ['FP32']);
    slabs.read(reply(0, 4, 1), 2, [0]);
    slabs.release(2);
    slabs.release(2);
    slabs.release(7);
    expect(calls).toEqual(['buffer 2', 'release 2']);
  });

  it('discard what the pool gave up, and ask for a new buffer under the same id', () => {
    const { addon, calls } = fakeAddon([0]);
    const slabs = new OutputSlabs(addon, 3, ['FP32']);
    slabs.read(reply(0, 4, 1), 0, [0]);
    slabs.read(reply(0, 4, 1), 1, [0]);
    slabs.release(0);
    slabs.read(reply(0, 4, 1), 0, [0]);
    expect(calls).toEqual(['buffer 0', 'buffer 1', 'release 0', 'discard', 'buffer 0']);
  });

  it('keep a slab in use when the instance closes, until it is released', () => {
    const { addon, calls } = fakeAddon();
    const slabs = new OutputSlabs(addon, 3, ['FP32']);
    slabs.read(reply(0, 4, 1), 0, [0]);
    slabs.read(reply(0, 4, 1), 1, [0]);
    slabs.release(1);
    slabs.close();
    expect(calls).toEqual(['buffer 0', 'buffer 1', 'release 1', 'discard']);
    slabs.release(0);
    expect(calls.at(-1)).toBe('discard');
    expect(calls.length).toBe(5);
  });
});
