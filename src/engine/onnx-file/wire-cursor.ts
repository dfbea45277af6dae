/**
 * A position in protobuf bytes: reads tags, varints, lengths and texts through a window on a byte source, and gives the
 * offset in every error. Knows no schema.
 */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import { quoted } from '../../shown-text.ts';
import type { ByteSource } from './byte-source.ts';
import { CutOffError } from './cut-off-error.ts';
import type { WireMessage } from './wire-message.ts';

/** The wire types that ONNX files use; groups (3 and 4) do not occur. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The position in the source and the window around it. */
export class WireCursor {
  position: number;
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  /** High and low half of the last varint. */
  #high = 0;
  #low = 0;

  constructor(source: ByteSource, position: number) {
    this.#source = source;
    this.position = position;
  }

  problem(offset: number, what: string): InferenceError {
    return invalidArgument(`${quoted(this.#source.name)} is no readable ONNX file: at byte ${offset}, ${what}`);
  }

  /** The same for a file that ends too early. */
  cutOff(offset: number, what: string): CutOffError {
    return new CutOffError('invalid_argument', this.problem(offset, what).message);
  }

  /** Whether the window has the next `length` bytes. */
  holds(length: number): boolean {
    return this.position >= this.#windowStart && this.position + length <= this.#windowStart + this.#window.length;
  }

  /** Moves the window to the position; rejects when fewer than `length` bytes came. */
  async load(length: number): Promise<void> {
    this.#window = await this.#source.read(this.position, length);
    this.#windowStart = this.position;
    if (this.#window.length < length) throw this.cutOff(this.position, 'the file ends while it is read');
  }

  /** Field number and wire type of the field at the position. */
  tag(message: WireMessage): { readonly field: number; readonly type: number } {
    const start = this.position;
    this.varint(message);
    const field = this.#low >>> 3;
    const type = this.#low & 7;
    if (this.#high !== 0 || field === 0) throw this.problem(start, `${message.rule.name} has an impossible field tag`);
    if (type !== wireType.varint && type !== wireType.fixed64 && type !== wireType.bytes && type !== wireType.fixed32) {
      throw this.problem(start, `${message.rule.name} has a field of wire type ${type}`);
    }
    return { field, type };
  }

  /** Reads a length and checks it against the message around it. */
  contentEnd(message: WireMessage): number {
    const start = this.position;
    this.varint(message);
    const length = this.#high * 2 ** 32 + this.#low;
    const left = message.end - this.position;
    if (length > left) {
      throw this.cutOff(start, `a field of ${message.rule.name} claims ${length} bytes where ${left} are left`);
    }
    return this.position + length;
  }

  skip(length: number, message: WireMessage): void {
    if (this.position + length > message.end) throw this.cutOff(this.position, `${message.rule.name} is cut off`);
    this.position += length;
  }

  /** A varint as a signed 64-bit number, exact up to 2^53. */
  integer(message: WireMessage): number {
    this.varint(message);
    return (this.#high | 0) * 2 ** 32 + this.#low;
  }

  decimal(message: WireMessage): string {
    this.varint(message);
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low)).toString();
  }

  text(length: number): string {
    const from = this.position - this.#windowStart;
    this.position += length;
    return Buffer.from(this.#window.buffer, this.#window.byteOffset + from, length).toString('utf8');
  }

  /** Reads one varint into the two halves. The window holds it as far as the message goes. */
  varint(message: WireMessage): void {
    const start = this.position;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index += 1) {
      if (start + index >= message.end) throw this.cutOff(start, `${message.rule.name} is cut off inside a number`);
      const byte = this.#window[start + index - this.#windowStart] ?? 0;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (index < 9) high |= bits << (7 * index - 32);
      else high |= bits << 31;
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        this.position = start + index + 1;
        return;
      }
    }
    throw this.problem(start, `a number of ${message.rule.name} is longer than ten bytes`);
  }
}
