/**
 * The text of one tensor: its elements with the brackets and commas between them, read or skipped in one turn of the
 * event loop or in several.
 */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import { type Shape, shapeText } from '../../../tensor/shape.ts';
import { type Elements, noArray } from './elements.ts';
import { depthExceeded, maxJsonDepth } from './errors.ts';
import type { JsonReader } from './reader.ts';

const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;

export const tooFew = (name: string, shape: Shape): InferenceError =>
  invalidArgument(
    `Failed to parse 'data' field: shape does not match true shape, input '${shownText(name)}' of shape ${shapeText(shape)} has fewer elements`,
  );

/** Reads the elements, with the brackets around them. */
export class NestedElements {
  readonly #elements: Elements;
  #depth = 0;

  constructor(elements: Elements) {
    this.#elements = elements;
  }

  /**
   * Reads up to the end; or returns false at the first element after `reader.pauseAt`, where the next call continues.
   */
  read(reader: JsonReader): boolean {
    const elements = this.#elements;
    if (this.#depth === 0 && reader.peek() !== openBracket) throw noArray(reader, elements.name);
    for (;;) {
      if (reader.at >= reader.pauseAt) return false;
      if (!elements.isInElement && reader.peek() === openBracket) {
        if (++this.#depth > maxJsonDepth) throw depthExceeded();
        reader.at++;
        if (reader.peek() !== closeBracket) continue;
      } else {
        elements.readRun(reader);
        if (elements.isInElement) return false;
      }
      let byte = reader.peek();
      while (byte === closeBracket) {
        reader.at++;
        if (--this.#depth === 0) return true;
        byte = reader.peek();
      }
      if (byte !== comma) throw reader.fail('Missing a comma or ] after an array element.');
      reader.at++;
    }
  }

  get heldBytes(): number {
    return this.#elements.heldBytes;
  }

  bytes(): Uint8Array {
    const { index, count, name, shape } = this.#elements;
    if (index < count) throw tooFew(name, shape);
    return this.#elements.bytes();
  }
}

/** Skips the elements. */
export class PassedText {
  readonly #start: number;
  #depth = 0;
  #isInString = false;

  /** @param start its first bracket. */
  constructor(start: number) {
    this.#start = start;
  }

  /** Moves the reader to the end of the tensor; or returns false at `pauseAt` or some bytes after it. */
  pass(reader: JsonReader, pauseAt: number): boolean {
    const { bytes } = reader;
    const end = Math.min(bytes.length, pauseAt);
    let { at } = reader;
    let depth = this.#depth;
    let isInString = this.#isInString;
    while (at < end) {
      const byte = bytes[at++];
      if (isInString) {
        if (byte === backslash) at++;
        else if (byte === quote) isInString = false;
      } else if (byte === quote) isInString = true;
      else if (byte === openBracket) depth++;
      else if (byte === closeBracket && --depth === 0) {
        reader.at = at;
        return true;
      }
    }
    if (at >= bytes.length) throw reader.fail('Missing a comma or ] after an array element.', this.#start);
    reader.at = at;
    this.#depth = depth;
    this.#isInString = isInString;
    return false;
  }
}
