/**
 * A body in chunks (RFC 9112, section 7.1), which is passed on as it arrives. Extensions and trailers are checked,
 * bounded and dropped.
 */

import type { BodyReceiver } from './body-receiver.ts';
import type { Http1Limits } from './limits.ts';
import { badRequest, Refusal } from './refusal.ts';

const cr = 13;
const lf = 10;
const tab = 9;
const semicolon = 0x3b;
const colon = 0x3a;
const space = 0x20;
const quote = 0x22;
const equals = 0x3d;
const backslash = 0x5c;

/** Digits of a size, leading zeros included: more than any body may have. */
const maxSizeDigits = 12;

type Place =
  | 'size'
  | 'extension'
  | 'extensionName'
  | 'extensionEquals'
  | 'extensionValue'
  | 'quoted'
  | 'escaped'
  | 'quotedEnd'
  | 'sizeEnd'
  | 'content'
  | 'contentEnd'
  | 'contentLf'
  | 'trailer'
  | 'trailerName'
  | 'trailerValue'
  | 'trailerEnd'
  | 'lastEnd'
  | 'done';

export class ChunkedReader {
  readonly #limits: Http1Limits;
  #place: Place = 'size';
  #digits = 0;
  /** Bytes of the current chunk that have not arrived. */
  #left = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#place === 'done';
  }

  /**
   * Takes bytes up to the end of the body and returns the position behind them.
   *
   * @param request Its receiver gets the content; the receiver may become null during a call of it.
   * @throws Refusal
   */
  read(bytes: Buffer, from: number, end: number, request: { readonly receiver: BodyReceiver | null }): number {
    let at = from;
    while (at < end && this.#place !== 'done') {
      if (this.#place === 'content') {
        const taken = Math.min(this.#left, end - at);
        request.receiver?.onData(bytes, at, at + taken);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#place = 'contentEnd';
      } else this.#step(bytes[at++] as number);
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#place) {
      case 'size':
        this.#size(byte);
        return;
      case 'sizeEnd':
        expectLf(byte);
        this.#digits = 0;
        this.#place = this.#left === 0 ? 'trailer' : 'content';
        return;
      case 'contentEnd':
        if (byte !== cr) throw badRequest('a chunk is longer than its size says');
        this.#place = 'contentLf';
        return;
      case 'contentLf':
        expectLf(byte);
        this.#place = 'size';
        return;
      case 'lastEnd':
        expectLf(byte);
        this.#place = 'done';
        return;
      case 'trailer':
      case 'trailerName':
      case 'trailerValue':
      case 'trailerEnd':
        this.#trailer(byte);
        return;
      default:
        this.#extension(byte);
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > maxSizeDigits) throw new Refusal(413, 'a chunk is announced larger than any body may be');
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw badRequest('a chunk does not begin with its size in hexadecimal digits');
    if (byte === cr) this.#place = 'sizeEnd';
    else if (byte === semicolon) this.#place = 'extension';
    else throw badRequest('the size of a chunk is not followed by CRLF');
  }

  /** `;name`, `;name=token` or `;name="quoted"`, any number of them and without blanks. */
  #extension(byte: number): void {
    const place = this.#place;
    const mayEnd = place === 'extensionName' || place === 'extensionValue' || place === 'quotedEnd';
    if (mayEnd && byte === cr) {
      this.#place = 'sizeEnd';
      return;
    }
    if (++this.#extensionBytes > this.#limits.maxExtensionBytes) {
      throw new Refusal(413, `the chunk extensions exceed ${this.#limits.maxExtensionBytes} bytes`);
    }
    if (mayEnd && byte === semicolon) this.#place = 'extension';
    else if (place === 'quoted' || place === 'escaped') {
      if (isControl(byte)) throw notAnExtension();
      if (place === 'escaped') this.#place = 'quoted';
      else if (byte === backslash) this.#place = 'escaped';
      else if (byte === quote) this.#place = 'quotedEnd';
    } else if (place === 'extensionName' && byte === equals) this.#place = 'extensionEquals';
    else if (place === 'extensionEquals' && byte === quote) this.#place = 'quoted';
    else if (place === 'quotedEnd' || isTokenByte[byte] === 0) throw notAnExtension();
    else if (place === 'extension') this.#place = 'extensionName';
    else if (place === 'extensionEquals') this.#place = 'extensionValue';
  }

  #trailer(byte: number): void {
    if (++this.#trailerBytes > this.#limits.maxTrailerBytes) {
      throw new Refusal(431, `the trailers exceed ${this.#limits.maxTrailerBytes} bytes`);
    }
    switch (this.#place) {
      case 'trailer':
        if (byte === cr) this.#place = 'lastEnd';
        else if (isTokenByte[byte] === 0) throw notATrailer();
        else this.#place = 'trailerName';
        return;
      case 'trailerName':
        if (byte === colon) this.#place = 'trailerValue';
        else if (isTokenByte[byte] === 0) throw notATrailer();
        return;
      case 'trailerValue':
        if (byte === cr) this.#place = 'trailerEnd';
        else if (isControl(byte)) throw notATrailer();
        return;
      default:
        expectLf(byte);
        this.#place = 'trailer';
    }
  }
}

/** 1 for each byte that a token may hold (RFC 9110, section 5.6.2). */
const isTokenByte = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  isTokenByte[character.charCodeAt(0)] = 1;
}

const isControl = (byte: number): boolean => (byte < space && byte !== tab) || byte === 0x7f;

const notAnExtension = (): Refusal => badRequest('a chunk extension is not ;name or ;name=value');

const notATrailer = (): Refusal => badRequest('a line behind the last chunk is not a header');

function expectLf(byte: number): void {
  if (byte !== lf) throw badRequest('a CR is not followed by LF');
}

/** The value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
