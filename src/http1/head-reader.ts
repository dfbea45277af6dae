/**
 * Finds the end of each request head in the bytes of a connection and has it parsed. Clients repeat their heads: a head
 * that equals the previous one byte for byte is not parsed again.
 */

import { badRequest, Refusal } from './refusal.ts';
import { parseHead, type RequestHead } from './request-head.ts';

const cr = 13;
const lf = 10;
const tlsHandshake = 0x16;

/** Longer heads are parsed each time and not remembered. */
const maxKeptBytes = 2048;

const nothing: Buffer = Buffer.alloc(0);

export class HeadReader {
  readonly #maxBytes: number;
  /** The beginning of a head whose end has not arrived, with room for more. */
  #partial = nothing;
  #filled = 0;
  /** Bytes of empty lines in front of the head, which are allowed and mean nothing (RFC 9112, section 2.2). */
  #skipped = 0;
  #lineBytes = 0;
  #isAfterCr = false;
  #head: RequestHead | null = null;
  #kept = nothing;
  #keptHead: RequestHead | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a head has begun. */
  get hasBegun(): boolean {
    return this.#filled > 0;
  }

  /** The head that is complete, once. */
  take(): RequestHead | null {
    const head = this.#head;
    this.#head = null;
    return head;
  }

  /**
   * Takes bytes up to the end of a head and returns the position after them; `end` while the head is incomplete.
   *
   * @throws Refusal
   */
  read(bytes: Buffer, from: number, end: number): number {
    const kept = this.#kept;
    const isKept = kept.length > 0 && end - from >= kept.length && this.#filled === 0 && !this.#isAfterCr;
    if (isKept && bytes.compare(kept, 0, kept.length, from, from + kept.length) === 0) {
      this.#head = this.#keptHead;
      this.#skipped = 0;
      return from + kept.length;
    }
    let start = from;
    if (this.#filled === 0) {
      start = this.#skipEmptyLines(bytes, from, end);
      if (start === end) return end;
      if (!this.#isAfterCr) checkFirstByte(bytes[start] as number);
    }
    return this.#readLines(bytes, start, end);
  }

  #skipEmptyLines(bytes: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (this.#isAfterCr) {
        if (byte !== lf) throw badRequest('a CR is not followed by LF');
        this.#isAfterCr = false;
      } else if (byte === cr) this.#isAfterCr = true;
      else break;
    }
    this.#skipped += at - from;
    if (this.#skipped > this.#maxBytes) throw this.#tooLarge();
    return at;
  }

  #readLines(bytes: Buffer, start: number, end: number): number {
    // One byte more than the limit shows that it is exceeded.
    const last = Math.min(end, start + this.#maxBytes - this.#filled + 1);
    let lineBytes = this.#lineBytes;
    let isAfterCr = this.#isAfterCr;
    for (let at = start; at < last; at++) {
      const byte = bytes[at] as number;
      if (byte === lf) {
        if (!isAfterCr) throw badRequest('a line ends with LF alone, expected CRLF');
        if (lineBytes === 0) return this.#complete(bytes, start, at + 1);
        isAfterCr = false;
        lineBytes = 0;
      } else if (isAfterCr) {
        throw badRequest('a CR is not followed by LF');
      } else if (byte === cr) {
        isAfterCr = true;
      } else lineBytes++;
    }
    if (last < end || this.#filled + last - start > this.#maxBytes) throw this.#tooLarge();
    this.#lineBytes = lineBytes;
    this.#isAfterCr = isAfterCr;
    this.#keep(bytes, start, end);
    return end;
  }

  #complete(bytes: Buffer, start: number, end: number): number {
    if (this.#filled + end - start > this.#maxBytes) throw this.#tooLarge();
    let whole = bytes;
    let from = start;
    let to = end;
    if (this.#filled > 0) {
      this.#keep(bytes, start, end);
      whole = this.#partial;
      from = 0;
      to = this.#filled;
    }
    const head = parseHead(whole.toString('latin1', from, to - 2));
    this.#head = head;
    if (to - from <= maxKeptBytes) {
      this.#kept = Buffer.from(whole.subarray(from, to));
      this.#keptHead = head;
    }
    this.#partial = nothing;
    this.#filled = 0;
    this.#skipped = 0;
    this.#lineBytes = 0;
    this.#isAfterCr = false;
    return end;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const filled = this.#filled + end - start;
    if (filled > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.max(512, this.#partial.length * 2, filled));
      this.#partial.copy(grown, 0, 0, this.#filled);
      this.#partial = grown;
    }
    bytes.copy(this.#partial, this.#filled, start, end);
    this.#filled = filled;
  }

  #tooLarge(): Refusal {
    return new Refusal(431, `the request head exceeds ${this.#maxBytes} bytes`);
  }
}

/** Refuses another protocol at once, because its bytes may never contain the end of a line. */
function checkFirstByte(byte: number): void {
  if (byte === tlsHandshake) throw badRequest('it begins like TLS, but this port speaks plain HTTP');
  if (byte > 0x20 && byte < 0x7f) return;
  throw badRequest(`it begins with the byte 0x${byte.toString(16).padStart(2, '0')}, expected a method`);
}
