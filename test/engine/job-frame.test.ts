import { describe, expect, it } from 'vitest';
import { controlNumbers, inputRoom, writeRequest } from '../../src/engine/job-frame.ts';

import type { Datatype } from '../../src/tensor/datatype.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { tensorSpec } from '../fakes/make-model.ts';

const tensor = (datatype: Datatype, shape: Shape | null) => tensorSpec('x', datatype, shape);

const frame = (numbers = 64) => ({ id: 0, control: new Float64Array(numbers), input: new Uint8Array(65536) });
const nativeInputs = Int32Array.of(1, 0);

describe('the room for inputs', () => {
  it('is that of the largest batch, each tensor at an aligned place', () => {
    expect(inputRoom([tensor('FP32', [-1, 16]), tensor('UINT8', [-1, 1])], 64)).toBe(64 * 64 + 64);
    expect(inputRoom([tensor('FP32', [-1, 17]), tensor('INT64', [])], 3)).toBe(256 + 64);
    expect(inputRoom([tensor('FP16', [3, 5])], 0)).toBe(64);
    expect(inputRoom([], 8)).toBe(0);
  });

  it('is as much as there may be where sizes are open', () => {
    const open = [tensor('FP32', [-1, -1]), tensor('BYTES', [-1, 1]), tensor('FP32', null)];
    for (const spec of open) expect(inputRoom([tensor('FP32', [-1, 1]), spec], 8)).toBe(2 ** 31 - 1);
    expect(inputRoom([tensor('FP32', [-1, 1])], 0)).toBe(2 ** 31 - 1);
    expect(inputRoom([tensor('FP32', [-1, 2 ** 40])], 8)).toBe(2 ** 31 - 1);
  });
});

describe('a request in a frame', () => {
  it('has small inputs copied back to back, each tensor at an aligned place', () => {
    const target = frame();
    const written = writeRequest(
      target,
      {
        inputs: [
          { index: 0, shape: [2, 1], parts: [Uint8Array.of(1), Uint8Array.of(2)] },
          { index: 1, shape: [], parts: [Uint8Array.of(3)] },
        ],
        outputs: [2],
      },
      77,
      8,
      nativeInputs,
    );
    expect(written).toEqual({ bytes: 3, parts: null });
    expect([...target.control.slice(0, 18)]).toEqual([2, 1, 4, 77, 0, 1, 0, 2, 0, 2, 2, 1, 0, 64, 1, 0, 0, 2]);
    expect([...target.input.slice(0, 2), target.input[64]]).toEqual([1, 2, 3]);
  });

  it('leaves large inputs where they are', () => {
    const target = frame();
    const large = new Uint8Array(100_000);
    const batch = {
      inputs: [
        { index: 0, shape: [1], parts: [Uint8Array.of(9)] },
        { index: 1, shape: [200_000], parts: [large, large] },
      ],
      outputs: [],
    };
    const written = writeRequest(target, batch, 1, 0, nativeInputs);
    expect(written?.parts).toEqual([large, large]);
    expect(written?.bytes).toBe(200_001);
    expect([...target.control.slice(11, 17)]).toEqual([0, 0, 0, 2, 1, 200_000]);
  });

  it('says what is special about its run', () => {
    const flagsOf = (over: { hasEffects?: boolean; returnsMemory?: boolean }): number => {
      const target = frame();
      writeRequest(target, { inputs: [], outputs: [], ...over }, 1, 0, nativeInputs);
      return target.control[4];
    };
    expect(flagsOf({})).toBe(0);
    expect(flagsOf({ hasEffects: true })).toBe(1);
    expect(flagsOf({ returnsMemory: true })).toBe(2);
    expect(flagsOf({ hasEffects: true, returnsMemory: true })).toBe(3);
  });

  it('is refused when the shapes need more numbers than there are', () => {
    const shape = new Array<number>(60).fill(1);
    const batch = { inputs: [{ index: 0, shape, parts: [] }], outputs: [0] };
    expect(writeRequest(frame(), batch, 1, 0, nativeInputs)).toBeNull();
  });

  it('says how much larger the largest batch is, where that makes sense', () => {
    const growth = (rows: number[], maxRows: number): number => {
      const target = frame();
      writeRequest(target, { inputs: [{ index: 0, shape: rows, parts: [] }], outputs: [] }, 1, maxRows, nativeInputs);
      return target.control[2];
    };
    expect([growth([3, 1], 8), growth([8], 8), growth([9], 8), growth([0], 8), growth([], 8), growth([1], 0)]).toEqual([
      3, 1, 1, 1, 1, 1,
    ]);
  });

  it('finds room for tensors of unknown rank', () => {
    expect(controlNumbers([null, 2])).toBeGreaterThan(controlNumbers([2, 2]));
  });
});
