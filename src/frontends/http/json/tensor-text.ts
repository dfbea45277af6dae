/**
 * Writes elements of an output tensor as a flat JSON array, some thousand at a time: the text of a whole large tensor
 * would block the event loop for seconds and be longer than the longest string. NaN and the infinities are bare words,
 * 64-bit integers exact. FP16 and BF16, which Triton refuses, are written like FP32.
 */

import { isUtf8 } from 'node:buffer';
import type { Datatype } from '../../../tensor/datatype.ts';
import { bfloat16Number, float16Number } from '../../../tensor/float16.ts';
import { type TypedElements, typedElements } from '../../../tensor/typed-elements.ts';
import { maxNumberBytes, writeFloat, writeInteger, writeText } from './number-bytes.ts';
import type { JsonBytes } from './text-bytes.ts';

/** Elements of a run, which take a millisecond or two. */
const runElements = 8192;
/** A run ends at this length, which with strings may be after one element. */
const runBytes = 64 * 1024;

/** A 64-bit integer whose upper half is between minus this and this is exact as a double. */
const exactHigh = 2 ** 21;

const comma = 0x2c;
const quote = 0x22;

/** Writes the elements of one tensor, run after run. */
export interface TensorRuns {
  /** Writes some more; false when all of them are written. */
  next(target: JsonBytes): boolean;
  /** The number of strings that were not UTF-8, whose invalid bytes were replaced. */
  readonly replaced: number;
}

export const tensorRuns = (datatype: Datatype, data: Uint8Array): TensorRuns =>
  datatype === 'BYTES' ? new StringRuns(data) : new NumberRuns(typedElements(datatype, data), textOf(datatype));

/** The text of the elements in `[from, end)`, with commas between them. */
type RunText = (elements: never, from: number, end: number) => string;

const booleans = (elements: Uint8Array, from: number, end: number): string =>
  Array.from(elements.subarray(from, end), (element) => element !== 0).join();

/** The text of JavaScript, except for the sign of zero; NaN and the infinities are bare words. */
function doubles(elements: Float64Array, from: number, end: number): string {
  for (let i = from; i < end; i++) {
    if (Object.is(elements[i], -0)) {
      return Array.from(elements.subarray(from, end), (value) =>
        Object.is(value, -0) ? '-0.0' : String(value),
      ).join();
    }
  }
  return (end - from === elements.length ? elements : elements.subarray(from, end)).join();
}

/** Where numbers are written before they become a string; grows to what one run needs. */
let scratch = Buffer.allocUnsafeSlow(64 * (maxNumberBytes + 1));

function scratchFor(count: number): Buffer {
  const mostBytes = count * (maxNumberBytes + 1);
  if (mostBytes > scratch.length) scratch = Buffer.allocUnsafeSlow(mostBytes);
  return scratch;
}

const floats =
  (numberOf: ((bits: number) => number) | null): RunText =>
  (elements: Float32Array | Uint16Array, from: number, end: number) => {
    const target = scratchFor(end - from);
    let at = 0;
    for (let i = from; i < end; i++) {
      if (i > from) target[at++] = comma;
      const element = elements[i] as number;
      at = writeFloat(target, at, numberOf === null ? element : numberOf(element));
    }
    return target.toString('latin1', 0, at);
  };

type NarrowIntegers = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;

function integers(elements: NarrowIntegers, from: number, end: number): string {
  const target = scratchFor(end - from);
  let at = 0;
  for (let i = from; i < end; i++) {
    if (i > from) target[at++] = comma;
    at = writeInteger(target, at, elements[i] as number);
  }
  return target.toString('latin1', 0, at);
}

/** Read as two halves of 32 bits: a BigInt is made only for what a double does not hold. */
function wideIntegers(elements: BigInt64Array | BigUint64Array, from: number, end: number): string {
  const target = scratchFor(end - from);
  const words = new Uint32Array(elements.buffer, elements.byteOffset, elements.length * 2);
  const isSigned = elements instanceof BigInt64Array;
  let at = 0;
  for (let i = from; i < end; i++) {
    if (i > from) target[at++] = comma;
    const low = words[2 * i] as number;
    const bits = words[2 * i + 1] as number;
    const high = isSigned ? bits | 0 : bits;
    at =
      high >= -exactHigh && high < exactHigh
        ? writeInteger(target, at, high * 2 ** 32 + low)
        : writeText(target, at, String(elements[i]));
  }
  return target.toString('latin1', 0, at);
}

const singles = floats(null);
const halves = floats(float16Number);
const brains = floats(bfloat16Number);

function textOf(datatype: Datatype): RunText {
  switch (datatype) {
    case 'BOOL':
      return booleans;
    case 'FP16':
      return halves;
    case 'BF16':
      return brains;
    case 'FP32':
      return singles;
    case 'FP64':
      return doubles;
    case 'INT64':
    case 'UINT64':
      return wideIntegers;
    default:
      return integers;
  }
}

/** A run is made as a string: the answer of a small tensor stays one. */
class NumberRuns implements TensorRuns {
  readonly replaced = 0;
  readonly #elements: TypedElements;
  readonly #text: RunText;
  #index = 0;

  constructor(elements: TypedElements, text: RunText) {
    this.#elements = elements;
    this.#text = text;
  }

  next(target: JsonBytes): boolean {
    const elements = this.#elements;
    const from = this.#index;
    const end = Math.min(elements.length, from + runElements);
    if (from > 0) target.text(',');
    if (end > from) target.text(this.#text(elements as never, from, end));
    this.#index = end;
    return end < elements.length;
  }
}

/** Elements are length prefixes and bytes; the engine or the classification made them, so they are whole. */
class StringRuns implements TensorRuns {
  replaced = 0;
  readonly #data: Buffer;
  #at = 0;
  /** The end of a long string that is written in pieces from `#at` on; 0 outside of one. */
  #longEnd = 0;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  next(target: JsonBytes): boolean {
    const data = this.#data;
    const limit = target.length + runBytes;
    if (this.#longEnd > 0) this.#writeLong(target);
    if (this.#longEnd > 0) return true;
    let at = this.#at;
    for (let left = runElements; left > 0 && at < data.length && target.length < limit; left--) {
      if (at > 0) target.byte(comma);
      const start = at + 4;
      const end = start + data.readUInt32LE(at);
      if (end - start > runBytes) {
        target.byte(quote);
        if (!isUtf8(data.subarray(start, end))) this.replaced++;
        this.#longEnd = end;
        this.#at = start;
        this.#writeLong(target);
        return true;
      }
      const isOnly = at === 0 && end === data.length;
      if (!(isOnly ? target.stringText(data, start, end) : target.string(data, start, end))) this.replaced++;
      at = end;
    }
    this.#at = at;
    return at < data.length;
  }

  #writeLong(target: JsonBytes): void {
    const data = this.#data;
    const end = this.#longEnd;
    let to = Math.min(end, this.#at + runBytes);
    // Pieces end between characters.
    for (let i = 0; i < 3 && to < end && ((data[to] as number) & 0xc0) === 0x80; i++) to++;
    target.text(JSON.stringify(data.toString('utf8', this.#at, to)).slice(1, -1));
    this.#at = to;
    if (to < end) return;
    target.byte(quote);
    this.#longEnd = 0;
  }
}
