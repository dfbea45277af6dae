/** Elements of BOOL and BYTES tensors in JSON. */

import { isUtf8 } from 'node:buffer';
import type { Shape } from '../../../tensor/shape.ts';
import { continuesRun, Elements, wrongElement } from './elements.ts';
import type { JsonReader } from './reader.ts';
import { arrayOf } from './small-arrays.ts';

const quote = 0x22;
const backslash = 0x5c;
/** A string is read in pieces of this size, because one string may be the whole request. */
const pieceBytes = 64 * 1024;
/** Up to this many bytes a loop that checks and copies is faster than a loop that checks and a call that copies. */
const maxLooped = 256;
const prefixBytes = 4;

/** The byte that a backslash and this byte stand for; 0 for no escape, and for `u`, which digits follow. */
const escaped = new Uint8Array(256);
for (const letter of '"\\/bfnrt') escaped[letter.charCodeAt(0)] = (JSON.parse(`"\\${letter}"`) as string).charCodeAt(0);

export class BooleanElements extends Elements<Uint8Array> {
  constructor(name: string, shape: Shape, count: number) {
    super(name, 'BOOL', shape, count, arrayOf(Uint8Array, count));
  }

  override readRun(reader: JsonReader): void {
    do {
      if (this.index === this.count) throw this.tooMany();
      if (reader.word('true')) this.target[this.index++] = 1;
      else if (reader.word('false')) this.target[this.index++] = 0;
      else throw wrongElement(reader, this, 'boolean');
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }
}

/**
 * Strings become their UTF-8 bytes behind a length prefix; without escapes they are copied as they stand. Long ones are
 * read in pieces.
 */
export class StringElements extends Elements<Buffer> {
  #used = 0;
  /** The current string: the offset of its first byte in the text, and the position of its prefix. */
  #start = 0;
  #prefixAt = 0;

  constructor(name: string, shape: Shape, count: number) {
    super(name, 'BYTES', shape, count, Buffer.allocUnsafe(Math.max(64, Math.min(count * 16, 65536))));
  }

  override readRun(reader: JsonReader): void {
    do {
      if (!this.isInElement) {
        if (this.#readShort(reader)) continue;
        this.#begin(reader);
      }
      do {
        if (this.isInElement && reader.at >= reader.pauseAt) return;
        this.isInElement = !this.#readPiece(reader);
      } while (this.isInElement);
      this.#end();
    } while (reader.at < reader.pauseAt && continuesRun(reader));
  }

  override bytes(): Uint8Array {
    return this.target.subarray(0, this.#used);
  }

  /** Reads a whole short string; false, with nothing consumed, for all that `#readPiece` reads or refuses. */
  #readShort(reader: JsonReader): boolean {
    const { bytes, at: open } = reader;
    if (bytes[open] !== quote || this.index === this.count) return false;
    const start = open + 1;
    const end = Math.min(bytes.length, start + maxLooped);
    const prefixAt = this.#used;
    // The bytes of a string are never more than its text.
    this.#grow(prefixAt + prefixBytes + end - start);
    const target = this.target;
    let to = prefixAt + prefixBytes;
    let at = start;
    let isAscii = true;
    for (; at < end; at++) {
      let byte = bytes[at] as number;
      if (byte === quote) break;
      if (byte === backslash) {
        byte = escaped[bytes[++at] ?? 0] as number;
        if (byte === 0) return false;
      } else if (byte < 0x20) return false;
      else if (byte >= 0x80) isAscii = false;
      target[to++] = byte;
    }
    if (bytes[at] !== quote || (!isAscii && !isUtf8(bytes.subarray(start, at)))) return false;
    reader.at = at + 1;
    this.#used = to;
    this.#prefixAt = prefixAt;
    this.#end();
    return true;
  }

  #begin(reader: JsonReader): void {
    if (this.index === this.count) throw this.tooMany();
    if (reader.bytes[reader.at] !== quote) throw wrongElement(reader, this, 'string');
    this.#start = ++reader.at;
    this.#prefixAt = this.#reserve(prefixBytes);
  }

  /** Consumes a piece of the string; true at its end, when the closing quote is consumed too. */
  #readPiece(reader: JsonReader): boolean {
    const { bytes, at: from } = reader;
    let cutAt = from + pieceBytes;
    let at = from;
    let isAscii = true;
    let isPlain = true;
    let byte = bytes[at];
    for (; byte !== quote; byte = bytes[++at]) {
      if (byte === undefined) throw reader.fail('Missing a closing quotation mark in string.', this.#start - 1);
      if (byte < 0x20) throw reader.fail('Invalid encoding in string: a control character must be escaped.', at);
      if (at >= cutAt && (byte & 0xc0) !== 0x80) break;
      if (byte >= 0x80) isAscii = false;
      if (byte === backslash) {
        isPlain = false;
        cutAt = Math.max(cutAt, at + escapeBytes(bytes, at));
        at++;
      }
    }
    if (!isAscii && !isUtf8(bytes.subarray(from, at))) {
      throw reader.fail('Invalid encoding in string: not UTF-8.', this.#start);
    }
    if (isPlain) this.#append(bytes, from, at);
    else this.#appendText(reader.unescaped(from, at, this.#start - 1));
    const isEnd = byte === quote;
    reader.at = isEnd ? at + 1 : at;
    return isEnd;
  }

  #end(): void {
    const target = this.target;
    const prefixAt = this.#prefixAt;
    const length = this.#used - prefixAt - prefixBytes;
    target[prefixAt] = length;
    target[prefixAt + 1] = length >>> 8;
    target[prefixAt + 2] = length >>> 16;
    target[prefixAt + 3] = length >>> 24;
    this.index++;
  }

  #append(source: Buffer, start: number, end: number): void {
    const length = end - start;
    const at = this.#reserve(length);
    if (length > maxLooped) {
      source.copy(this.target, at, start, end);
      return;
    }
    const target = this.target;
    for (let i = 0; i < length; i++) target[at + i] = source[start + i] as number;
  }

  #appendText(text: string): void {
    const at = this.#reserve(Buffer.byteLength(text));
    this.target.write(text, at);
  }

  /** Makes room for some bytes and returns their position. */
  #reserve(length: number): number {
    const at = this.#used;
    this.#grow(at + length);
    this.#used = at + length;
    return at;
  }

  #grow(length: number): void {
    if (length <= this.target.length) return;
    const grown = Buffer.allocUnsafe(Math.max(length, this.target.length * 2));
    this.target.copy(grown, 0, 0, this.#used);
    this.target = grown;
  }
}

/** Bytes of the escape at `at` within which a string must not be cut; of half a surrogate pair, both halves. */
function escapeBytes(bytes: Buffer, at: number): number {
  if (bytes[at + 1] !== 0x75) return 2;
  const isHighHalf =
    ((bytes[at + 2] as number) | 0x20) === 0x64 && /[89ab]/i.test(String.fromCharCode(bytes[at + 3] ?? 0));
  return isHighHalf ? 12 : 6;
}
