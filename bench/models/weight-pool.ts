/**
 * Random weights for models of a hundred megabytes, FP32 or FP16, in the time of copying them: every tensor is cut from
 * one pool of seeded numbers, at a place of its own.
 */

import { elem, initializer, type TensorBytes } from '../../test/models/onnx-writer.ts';
import { float16Bits } from '../../src/tensor/float16.ts';
import { fp32Bytes } from '../load/infer-case.ts';
import { seededNumbers } from './seeded-numbers.ts';

export type Precision = 'FP32' | 'FP16';

/** A prime, so that the rows of a matrix do not repeat each other. */
const poolElements = 65_521;

/** FP16 elements, little-endian. */
export const halfBytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(Uint16Array.from(values, float16Bits).buffer);

export class WeightPool {
  readonly precision: Precision;
  readonly #numbers: Float32Array;
  /** The pool in this precision, by the largest magnitude in it. */
  readonly #scaled = new Map<number, Uint8Array>();
  #next = 0;

  constructor(precision: Precision, seed: number) {
    this.precision = precision;
    this.#numbers = seededNumbers(seed)(poolElements, 1);
  }

  /** ONNX's code of the precision. */
  get elementType(): number {
    return this.precision === 'FP16' ? elem.float16 : elem.float;
  }

  /** These numbers in the precision. */
  bytes(values: Float32Array): Uint8Array {
    return this.precision === 'FP16' ? halfBytes(values) : fp32Bytes(values);
  }

  /** A constant filled with `value`. */
  constant(name: string, dims: readonly number[], value: number): TensorBytes {
    const elements = dims.reduce((product, dim) => product * dim, 1);
    return initializer(name, this.elementType, dims, this.bytes(new Float32Array(elements).fill(value)));
  }

  /** Numbers spread evenly in [-scale, scale). */
  spread(name: string, dims: readonly number[], scale: number): TensorBytes {
    const pool = this.#poolOf(scale);
    const width = this.precision === 'FP16' ? 2 : 4;
    const bytes = new Uint8Array(dims.reduce((product, dim) => product * dim, width));
    let at = this.#next * width;
    for (let filled = 0; filled < bytes.length; ) {
      const piece = pool.subarray(at, at + bytes.length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      at = 0;
    }
    this.#next = (this.#next + 7919) % poolElements;
    return initializer(name, this.elementType, dims, bytes);
  }

  /** Weights that keep the magnitude of activations, times `gain`; `fanIn` is the number of products in each sum. */
  weight(name: string, dims: readonly number[], fanIn: number, gain = 1): TensorBytes {
    return this.spread(name, dims, gain * Math.sqrt(3 / fanIn));
  }

  #poolOf(scale: number): Uint8Array {
    let bytes = this.#scaled.get(scale);
    if (bytes === undefined) {
      bytes = this.bytes(this.#numbers.map((value) => value * scale));
      this.#scaled.set(scale, bytes);
    }
    return bytes;
  }
}
