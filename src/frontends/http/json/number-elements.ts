/** Elements of numeric JSON tensors; scanning the digits is `numbers.ts`. */

import type { Datatype } from '../../../tensor/datatype.ts';
import { bfloat16Bits, float16Bits } from '../../../tensor/float16.ts';
import type { Shape } from '../../../tensor/shape.ts';
import { continuesRun, Elements, wrongElement } from './elements.ts';
import { scanDouble, scanInteger, scanInteger64 } from './numbers.ts';
import type { JsonReader } from './reader.ts';
import { arrayOf } from './small-arrays.ts';

type FloatTarget = Float32Array | Float64Array | Uint16Array;

export class FloatElements extends Elements<FloatTarget> {
  readonly #limit: number;
  readonly #isSingle: boolean;
  /** Makes the bits of FP16 or BF16; null where the target holds the numbers themselves. */
  readonly #convert: ((value: number) => number) | null;

  constructor(name: string, datatype: Datatype, shape: Shape, target: FloatTarget, limit: number) {
    super(name, datatype, shape, target.length, target);
    this.#limit = limit;
    this.#isSingle = target instanceof Float32Array;
    this.#convert = datatype === 'FP16' ? float16Bits : datatype === 'BF16' ? bfloat16Bits : null;
  }

  override readRun(reader: JsonReader): void {
    const target = this.target;
    const limit = this.#limit;
    const isSingle = this.#isSingle;
    const convert = this.#convert;
    const { count } = this;
    do {
      if (this.index === count) throw this.tooMany();
      const value = scanDouble(reader, isSingle);
      if (value === null) {
        const special = this.#special(reader);
        target[this.index++] = convert === null ? special : convert(special);
        continue;
      }
      if (value >= limit || value <= -limit) throw this.outOfRange();
      target[this.index++] = convert === null ? value : convert(value);
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }

  /** The bare tokens that Triton's parser accepts and the JSON standard does not. */
  #special(reader: JsonReader): number {
    if (reader.word('NaN')) return Number.NaN;
    if (reader.word('Infinity') || reader.word('Inf')) return Number.POSITIVE_INFINITY;
    if (reader.word('-Infinity') || reader.word('-Inf')) return Number.NEGATIVE_INFINITY;
    throw wrongElement(reader, this, 'double');
  }
}

type NarrowInteger = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;

export class IntegerElements extends Elements<NarrowInteger> {
  readonly #min: number;
  readonly #max: number;

  constructor(name: string, datatype: Datatype, shape: Shape, target: NarrowInteger) {
    super(name, datatype, shape, target.length, target);
    const bits = target.BYTES_PER_ELEMENT * 8;
    const isSigned = datatype.startsWith('INT');
    this.#min = isSigned ? -(2 ** (bits - 1)) : 0;
    this.#max = isSigned ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  }

  override readRun(reader: JsonReader): void {
    const target = this.target;
    const min = this.#min;
    const max = this.#max;
    const { count } = this;
    do {
      if (this.index === count) throw this.tooMany();
      const value = scanInteger(reader);
      if (value === null) throw wrongElement(reader, this, min < 0 ? 'signed-integer' : 'unsigned-integer');
      if (value < min || value > max) throw this.outOfRange();
      target[this.index++] = value;
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }
}

export class Integer64Elements extends Elements<Uint32Array> {
  readonly #isSigned: boolean;

  constructor(name: string, datatype: Datatype, shape: Shape, count: number) {
    super(name, datatype, shape, count, arrayOf(Uint32Array, count * 2));
    this.#isSigned = datatype === 'INT64';
  }

  override readRun(reader: JsonReader): void {
    const isSigned = this.#isSigned;
    const { count } = this;
    do {
      if (this.index === count) throw this.tooMany();
      const fits = scanInteger64(reader, isSigned, this.target, this.index * 2);
      if (fits === null) throw wrongElement(reader, this, isSigned ? 'signed-integer' : 'unsigned-integer');
      if (!fits) throw this.outOfRange();
      this.index++;
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }
}
