/**
 * Writes elements of an output tensor as a flat JSON array, some thousand at a time: the text of a whole large tensor
 * would block the event loop for seconds and be longer than the longest string. NaN and the infinities are bare words,
 * 64-bit integers exact. FP16 and BF16, which Triton refuses, are written like FP32.
 */

import { isUtf8 } from 'node:buffer';
import type { Datatype } from '../../../tensor/datatype.ts';
import { bfloat16Number, float16Number } from '../../../tensor/float16.ts';
import { type TypedElements, typedElements } from '../../../tensor/typed-elements.ts';
import type { JsonBytes } from './text-bytes.ts';
import { maxNumberBytes, writeDouble, writeFloat, writeInteger, writeText } from './number-bytes.ts';

/** Elements of a run, which take a millisecond or two. */
const runElements = 8192;
/** A run ends at this length, which with strings may be after one element. */
const runBytes = 64 * 1024;

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
  datatype === 'BYTES' ? new StringRuns(data) : new NumberRuns(typedElements(datatype, data), writerOf(datatype));

type WriteElement = (target: Buffer, at: number, element: never) => number;

const writeBoolean = (target: Buffer, at: number, element: number): number =>
  writeText(target, at, element === 0 ? 'false' : 'true');
const writeBigInt = (target: Buffer, at: number, element: bigint): number => writeText(target, at, String(element));
const writeHalf = (target: Buffer, at: number, bits: number): number => writeFloat(target, at, float16Number(bits));
const writeBrain = (target: Buffer, at: number, bits: number): number => writeFloat(target, at, bfloat16Number(bits));

function writerOf(datatype: Datatype): WriteElement {
  switch (datatype) {
    case 'BOOL':
      return writeBoolean;
    case 'FP16':
      return writeHalf;
    case 'BF16':
      return writeBrain;
    case 'FP32':
      return writeFloat;
    case 'FP64':
      return writeDouble;
    case 'INT64':
    case 'UINT64':
      return writeBigInt;
    default:
      return writeInteger;
  }
}

class NumberRuns implements TensorRuns {
  readonly replaced = 0;
  readonly #elements: TypedElements;
  readonly #write: WriteElement;
  #index = 0;

  constructor(elements: TypedElements, write: WriteElement) {
    this.#elements = elements;
    this.#write = write;
  }

  next(target: JsonBytes): boolean {
    const elements = this.#elements;
    const write = this.#write;
    const end = Math.min(elements.length, this.#index + runElements);
    target.reserve((end - this.#index) * (maxNumberBytes + 1));
    const { bytes } = target;
    let { at } = target;
    for (let i = this.#index; i < end; i++) {
      if (i > 0) bytes[at++] = comma;
      at = write(bytes, at, elements[i] as never);
    }
    target.at = at;
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
      if (!target.string(data, start, end)) this.replaced++;
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
