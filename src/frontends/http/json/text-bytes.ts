/** Outgoing JSON text, as bytes in one buffer that is reused: names, strings, and room for numbers. */

import { isUtf8 } from 'node:buffer';

/** Up to this many bytes a loop is faster than calls into native code. */
const maxLooped = 256;
/** The most bytes that one byte of a string becomes: a control character as \u001f. */
const escapedBytes = 6;

/** A buffer that a very long string has made larger than this is dropped. */
const maxKeptBytes = 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/** The text of each byte that must be escaped, as `JSON.stringify` writes it. */
const escapes: readonly string[] = Array.from({ length: backslash + 1 }, (_, byte) =>
  JSON.stringify(String.fromCharCode(byte)).slice(1, -1),
);

export class JsonBytes {
  bytes: Buffer;
  /** The position of the next byte. */
  at = 0;
  /** Text behind these bytes that is not encoded yet: an answer that is text alone never becomes bytes here. */
  #pending = '';
  readonly #bytes: number;

  /** @param bytes the initial size. */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Begins anew. */
  clear(): void {
    this.at = 0;
    this.#pending = '';
    if (this.bytes.length > maxKeptBytes) this.bytes = Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** The written length in bytes; for text that is not encoded yet, in characters. */
  get length(): number {
    return this.at + this.#pending.length;
  }

  /** The written text as one string. */
  wholeText(): string {
    if (this.at === 0) return this.#pending;
    this.#encode();
    return this.bytes.toString('utf8', 0, this.at);
  }

  /** A copy of the written bytes. */
  copy(): Buffer {
    this.#encode();
    return Buffer.from(this.bytes.subarray(0, this.at));
  }

  /** Makes room for that many bytes after the written ones. */
  reserve(bytes: number): void {
    this.#encode();
    this.#grow(bytes);
  }

  text(text: string): void {
    this.#pending += text;
  }

  #encode(): void {
    const text = this.#pending;
    if (text === '') return;
    this.#pending = '';
    this.#grow(text.length * 3);
    this.at += this.bytes.write(text, this.at);
  }

  #grow(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.at++] = byte;
  }

  /**
   * The bytes as a string literal.
   *
   * @returns false when they are not UTF-8; then invalid bytes were replaced by U+FFFD.
   */
  string(source: Buffer, start: number, end: number): boolean {
    return (end - start <= maxLooped && this.#looped(source, start, end)) || this.stringText(source, start, end);
  }

  /** The same as text: cheaper where it is the only string, because the text around it need not be encoded. */
  stringText(source: Buffer, start: number, end: number): boolean {
    const view = source.subarray(start, end);
    this.text(JSON.stringify(view.toString('utf8')));
    return isUtf8(view);
  }

  /** False, with nothing written, for bytes that are not UTF-8. */
  #looped(source: Buffer, start: number, end: number): boolean {
    this.reserve((end - start) * escapedBytes + 2);
    const { bytes } = this;
    let to = this.at;
    let isAscii = true;
    bytes[to++] = quote;
    for (let from = start; from < end; from++) {
      const byte = source[from] as number;
      if (byte < space || byte === quote || byte === backslash) {
        const text = escapes[byte] as string;
        for (let i = 0; i < text.length; i++) bytes[to++] = text.charCodeAt(i);
        continue;
      }
      if (byte >= 0x80) isAscii = false;
      bytes[to++] = byte;
    }
    if (!isAscii && !isUtf8(source.subarray(start, end))) return false;
    bytes[to++] = quote;
    this.at = to;
    return true;
  }
}
