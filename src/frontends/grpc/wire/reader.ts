/**
 * Reads the protobuf wire format in place: a cursor over one message and the limits of the messages inside it. Knows
 * nothing of message types. Every way in which bytes can be malformed ends in one `invalid_argument`.
 *
 * On the hot path: fields are public and plain so that the decoders compile to array accesses, and a varint leaves its
 * two halves in `low` and `high` where returning an object would cost more than reading it.
 */

import { isUtf8 } from 'node:buffer';
import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { requestLimits, tooLong, tooMany } from '../../../inference/request-limits.ts';
import { internedAscii } from '../../interned-strings.ts';

/** Deepest nesting of unknown groups that is skipped; protobuf's own recursion limit. */
const maxGroupDepth = 100;

/** Several times the fields of the largest request within `requestLimits`, in all its nested messages. */
const maxFields = 524_288;

const wireType = { varint: 0, fixed64: 1, length: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

const twoTo32 = 2 ** 32;

export class WireReader {
  /** The whole message; views are cut from it, it is never written to. */
  readonly bytes: Buffer;
  /** The offset of the next byte. */
  at = 0;
  /** The end of the current message: the whole, or the entered nested one. */
  limit: number;
  /** Halves of the latest varint, both as unsigned 32 bits. */
  low = 0;
  high = 0;

  #fields = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.limit = bytes.length;
  }

  /** Reads up to ten bytes into `low` and `high`; bits beyond 64 are dropped, as protobuf does. */
  readVarint(): void {
    const { bytes, limit } = this;
    let at = this.at;
    if (at >= limit) throw this.malformed('the message ends inside a number');
    let byte = bytes[at++] as number;
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (at >= limit) throw this.malformed('the message ends inside a number');
      if (shift > 63) throw this.malformed('a number has more than ten bytes');
      byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28;
        high = bits >> 4;
      }
    }
    this.at = at;
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  /** Field number times eight plus wire type. */
  readTag(): number {
    const byte = this.bytes[this.at] as number;
    if (byte < 0x80 && byte >= 8) {
      this.at++;
      return byte;
    }
    this.readVarint();
    if (this.high !== 0 || this.low < 8) throw this.malformed('a field has an impossible number');
    return this.low;
  }

  /** The latest varint as a two's complement number, or null when it is no safe integer. */
  signed(): number | null {
    const value = (this.high | 0) * twoTo32 + this.low;
    return Number.isSafeInteger(value) ? value : null;
  }

  /** The length of the following bytes, checked against the end of the message around it. */
  readLength(): number {
    this.readVarint();
    if (this.high !== 0 || this.low > this.limit - this.at) {
      throw this.malformed('the length of a field runs past the end of the message');
    }
    return this.low;
  }

  /** Starts to read the nested message that follows; returns the limit for `leave`. */
  enter(): number {
    const outer = this.limit;
    const length = this.readLength();
    this.limit = this.at + length;
    return outer;
  }

  leave(outerLimit: number): void {
    this.limit = outerLimit;
  }

  /** A string that many requests repeat: names of models, tensors, datatypes. Returns the same object each time. */
  readName(): string {
    const length = this.readLength();
    const name = internedAscii(this.bytes, this.at, length);
    if (name === null) {
      if (length > requestLimits.nameBytes) throw tooLong('a name in the request', requestLimits.nameBytes);
      return this.#text(length);
    }
    this.at += length;
    return name;
  }

  /**
   * A string that is different each time.
   *
   * @param what the name of the text in the error when it is too long.
   */
  readText(what: string): string {
    const length = this.readLength();
    if (length > requestLimits.textBytes) throw tooLong(what, requestLimits.textBytes);
    return this.#text(length);
  }

  /** Passes over a string after checking it. */
  passText(): void {
    const length = this.readLength();
    if (!isUtf8(this.bytes.subarray(this.at, this.at + length))) throw this.malformed('a text is not valid UTF-8');
    this.at += length;
  }

  /** A view, owned by the message. */
  readBytes(): Uint8Array {
    const { bytes } = this;
    const length = this.readLength();
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + this.at, length);
    this.at += length;
    return view;
  }

  advance(byteCount: number): void {
    if (byteCount > this.limit - this.at) throw this.malformed('the message ends inside a field');
    this.at += byteCount;
  }

  /**
   * Skips a field that the caller does not know.
   *
   * @param knownFields Fields are numbered 1…knownFields in this message, so one of them came with a wrong wire type.
   */
  skipUnknown(tag: number, knownFields: number): void {
    const field = tag >>> 3;
    if (field <= knownFields) throw this.malformed(`field ${field} has the wrong wire type ${tag & 7}`);
    this.#skip(tag, 0);
  }

  /** Called for each field but elements of tensors: a message of two bytes per field would block the event loop. */
  countField(): void {
    if (++this.#fields > maxFields) throw tooMany('fields', maxFields);
  }

  malformed(what: string): InferenceError {
    return invalidArgument(`Unable to parse request: ${what} (at byte ${this.at} of ${this.bytes.length})`);
  }

  #skip(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.readVarint();
        break;
      case wireType.fixed64:
        this.advance(8);
        break;
      case wireType.length:
        this.advance(this.readLength());
        break;
      case wireType.fixed32:
        this.advance(4);
        break;
      case wireType.groupStart:
        this.#skipGroup(tag >>> 3, depth + 1);
        break;
      case wireType.groupEnd:
        throw this.malformed('a group ends that was not started');
      default:
        throw this.malformed(`there is no wire type ${tag & 7}`);
    }
  }

  #skipGroup(field: number, depth: number): void {
    if (depth > maxGroupDepth) throw this.malformed(`groups are nested deeper than ${maxGroupDepth}`);
    for (;;) {
      if (this.at >= this.limit) throw this.malformed('a group does not end');
      this.countField();
      const tag = this.readTag();
      if ((tag & 7) !== wireType.groupEnd) this.#skip(tag, depth);
      else if (tag >>> 3 === field) return;
      else throw this.malformed('a group ends that was not started');
    }
  }

  #text(length: number): string {
    const { bytes, at } = this;
    const end = at + length;
    this.at = end;
    let seen = 0;
    for (let i = at; i < end; i++) seen |= bytes[i] as number;
    if (seen < 0x80) return bytes.toString('latin1', at, end);
    if (!isUtf8(bytes.subarray(at, end))) throw this.malformed('a text is not valid UTF-8');
    return bytes.toString('utf8', at, end);
  }
}
