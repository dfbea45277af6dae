import { describe, expect, it } from 'vitest';

import { WeightPool } from '../../bench/models/weight-pool.ts';
import { float16Number } from '../../src/tensor/float16.ts';

/** A tensor's raw bytes stand at its end. */
const lastBytes = (bytes: Uint8Array, count: number): Uint8Array => bytes.slice(bytes.length - count);

describe('WeightPool', () => {
  it('fills tensors that are larger than the pool, within the scale', () => {
    const elements = 600_000;
    const { bytes } = new WeightPool('FP32', 1).spread('w', [elements], 0.25);
    const values = new Float32Array(lastBytes(bytes, elements * 4).buffer);
    expect(values.every((value) => Math.abs(value) <= 0.25)).toBe(true);
    expect(values.filter((value) => value === 0).length).toBeLessThan(10);
  });

  it('cuts two tensors from different places', () => {
    const pool = new WeightPool('FP32', 1);
    const [a, b] = [pool.spread('w', [16], 1), pool.spread('w', [16], 1)];
    expect(a.bytes).not.toEqual(b.bytes);
  });

  it('has the same numbers in FP16, to its precision', () => {
    const single = new Float32Array(lastBytes(new WeightPool('FP32', 1).spread('w', [64], 1).bytes, 256).buffer);
    const half = new Uint16Array(lastBytes(new WeightPool('FP16', 1).spread('w', [64], 1).bytes, 128).buffer);
    single.forEach((value, i) => {
      expect(Math.abs(float16Number(half[i] ?? 0) - value)).toBeLessThan(1e-3);
    });
  });
});
