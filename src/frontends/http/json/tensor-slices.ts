/**
 * Reads a large JSON request in several turns of the event loop. The reader cannot stop anywhere: when a turn has done
 * enough, reading ends with `paused`, and the next turn reads the request from its beginning and skips complete
 * tensors. The JSON around the tensors is small (`inference/request-limits.ts`).
 */

import type { JsonReader } from './reader.ts';
import { type NestedElements, PassedText } from './nested-elements.ts';

/** Bytes of tensor text per turn, which take one to two milliseconds. */
const turnBytes = 64 * 1024;
/** How much cheaper it is to skip a byte than to read it. */
const passedPerRead = 8;

/** Thrown, and caught by `InferDecoding`: no failure, so it carries no stack. */
export const paused: unique symbol = Symbol('paused');

interface Part {
  readonly elements: NestedElements;
  /** The position of the next element, or of the end of the tensor. */
  at: number;
  data: Uint8Array | null;
}

export class TensorSlices {
  /** Tensors by the offset of their first bracket. */
  readonly #parts = new Map<number, Part>();
  /** The same for tensors whose datatype comes after the data. */
  readonly #passed = new Map<number, { readonly text: PassedText; at: number; isOver: boolean }>();
  #left = turnBytes;

  /** Memory that the tensors have taken so far. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { elements } of this.#parts.values()) bytes += elements.heldBytes;
    return bytes;
  }

  beginTurn(): void {
    this.#left = turnBytes;
  }

  /** Counts bytes outside of the tensors. */
  charge(bytes: number): void {
    this.#left -= bytes;
  }

  /** Moves the reader to the end of the tensor at it, without reading it; throws `paused` before its end. */
  passOver(reader: JsonReader): void {
    const key = reader.at;
    let passed = this.#passed.get(key);
    if (passed === undefined) {
      passed = { text: new PassedText(key), at: key, isOver: false };
      this.#passed.set(key, passed);
    }
    reader.at = passed.at;
    if (passed.isOver) return;
    if (this.#left <= 0) throw paused;
    passed.isOver = passed.text.pass(reader, passed.at + this.#left * passedPerRead);
    this.#left -= Math.ceil((reader.at - passed.at) / passedPerRead);
    passed.at = reader.at;
    if (!passed.isOver) throw paused;
  }

  /** The tensor at the reader if it was read in an earlier turn; then the reader is moved to its end. */
  find(reader: JsonReader): Uint8Array | undefined {
    reader.peek();
    const part = this.#parts.get(reader.at);
    if (part === undefined || part.data === null) return undefined;
    reader.at = part.at;
    return part.data;
  }

  /** Reads on in the tensor at the reader, or begins with it; throws `paused` before its end. */
  read(reader: JsonReader, begin: () => NestedElements): Uint8Array {
    const key = reader.at;
    if (this.#left <= 0) throw paused;
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = { elements: begin(), at: key, data: null };
      this.#parts.set(key, part);
    }
    reader.at = part.at;
    reader.pauseAt = part.at + this.#left;
    const isComplete = part.elements.read(reader);
    this.#left -= reader.at - part.at;
    part.at = reader.at;
    reader.pauseAt = reader.bytes.length + 1;
    if (!isComplete) throw paused;
    part.data = part.elements.bytes();
    return part.data;
  }
}
