/**
 * A large JSON request in several turns of the event loop. Its reader is not made to stop anywhere: when a turn has done
 * enough, reading ends with `paused`, and the next turn reads the request anew, jumping over the tensors that are there
 * already. What stands around the tensors is small (`inference/request-limits.ts` sees to it).
 */

import type { JsonReader } from './reader.ts';
import type { NestedElements } from './tensor-elements.ts';

/** Of the text of tensors; takes two to four milliseconds. */
const turnBytes = 128 * 1024;

/** Thrown, and caught by `InferDecoding`: no failure, so it carries no stack. */
export const paused: unique symbol = Symbol('paused');

interface Part {
  readonly elements: NestedElements;
  /** Where the next element stands, or what follows the tensor. */
  at: number;
  data: Uint8Array | null;
}

export class TensorSlices {
  /** By the offset of a tensor's first bracket. */
  readonly #parts = new Map<number, Part>();
  #left = turnBytes;

  beginTurn(): void {
    this.#left = turnBytes;
  }

  /** The tensor at the reader, which is moved behind it, when it was read in an earlier turn. */
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
