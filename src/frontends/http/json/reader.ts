/**
 * A cursor over the JSON text of a request, as bytes. It exists because `JSON.parse` can neither keep 64-bit integers
 * exact nor read NaN, and would make a JavaScript array of every tensor. Strict RFC 8259; invalid UTF-8, lone
 * surrogates and nesting beyond `maxJsonDepth` are refused. `infer/request-codec.ts` knows the members;
 * `tensor-elements.ts` reads elements of tensors, `value.ts` whole values.
 */

import { isUtf8 } from 'node:buffer';
import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { requestLimits, tooLong } from '../../../inference/request-limits.ts';
import { internedEntry, internedText, maxInternedBytes } from '../../interned-strings.ts';
import { depthExceeded, type JsonKind, maxJsonDepth, wrongKind } from './errors.ts';
import { expectedString, expectString } from './expected-strings.ts';

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** One digit more than 2^53 has: longer numbers are larger, or begin with a zero. */
const maxUnsignedDigits = 17;

/** Counted for each value that is skipped: a text of one byte still takes a step. */
const skippedValueBytes = 16;

/** White space up to this length is indentation and is not counted. */
const shortBlank = 64;

const integerText = /^-?(?:0|[1-9]\d*)$/;
const numberText = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const loneSurrogate = /\p{Surrogate}/u;

export class JsonReader {
  /** Only the JSON part, without the binary tensors after it. */
  readonly bytes: Buffer;
  /** Offset of the next byte; `tensor-elements.ts` moves it. */
  at: number;
  /** From this offset on, a tensor is paused at its next element, until another turn; Infinity for never. */
  pauseAt: number;
  /** The cost of skipped values: their bytes and a constant for each. */
  #skipped = 0;
  /** Bytes of white space beyond indentation. */
  #blank = 0;
  /** Strings read so far. */
  #strings = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = 0;
    this.pauseAt = bytes.length + 1;
  }

  fail(message: string, at: number = this.at): InferenceError {
    return invalidArgument(`failed to parse the request JSON buffer: ${message} at ${at}`);
  }

  /** The next byte that is no white space, not consumed; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    let { at } = this;
    let byte = at < bytes.length ? (bytes[at] as number) : -1;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      at++;
      byte = at < bytes.length ? (bytes[at] as number) : -1;
      if (at - this.at > requestLimits.allTextBytes) break;
    }
    if (at - this.at > shortBlank) this.#countBlank(at - this.at);
    this.at = at;
    return byte;
  }

  #countBlank(bytes: number): void {
    this.#blank += bytes;
    if (this.#blank > requestLimits.allTextBytes) throw tooLong('white space of the JSON', requestLimits.allTextBytes);
  }

  /** Enters an object and reads the name of its first member; null for an empty object, which is then consumed. */
  firstKey(key: string): string | null {
    if (this.peek() !== openBrace) throw this.#unexpected(key, 'object');
    this.at++;
    if (this.peek() !== closeBrace) return this.#key();
    this.at++;
    return null;
  }

  /** The name of the next member, or null when the object ended. */
  nextKey(): string | null {
    const byte = this.peek();
    if (byte === closeBrace) {
      this.at++;
      return null;
    }
    if (byte !== comma) throw this.fail('Missing a comma or } after an object member.');
    this.at++;
    return this.#key();
  }

  /** Enters an array; false when it is empty, which is then consumed. */
  firstElement(key: string): boolean {
    if (this.peek() !== openBracket) throw this.#unexpected(key, 'array');
    this.at++;
    if (this.peek() !== closeBracket) return true;
    this.at++;
    return false;
  }

  /** Whether another element follows; at the end of the array it is consumed. */
  nextElement(): boolean {
    const byte = this.peek();
    if (byte !== comma && byte !== closeBracket) throw this.fail('Missing a comma or ] after an array element.');
    this.at++;
    return byte === comma;
  }

  /** @param maxBytes longer strings are refused. */
  string(key: string, maxBytes: number = requestLimits.textBytes): string {
    if (this.peek() !== quote) throw this.#unexpected(key, 'string');
    return this.#string(maxBytes);
  }

  /** As `string`, for one that is different each time. */
  uniqueString(key: string): string {
    if (this.peek() !== quote) throw this.#unexpected(key, 'string');
    return this.#newString(requestLimits.textBytes);
  }

  boolean(key: string): boolean {
    const byte = this.peek();
    if (byte === 0x74 && this.word('true')) return true;
    if (byte === 0x66 && this.word('false')) return false;
    throw this.#unexpected(key, 'boolean');
  }

  /** A non-negative integer up to 2^53 - 1. */
  unsigned(key: string): number {
    const { bytes } = this;
    const first = this.peek();
    if (first < zero || first > nine) throw this.#unexpected(key, 'unsigned-integer');
    let { at } = this;
    let value = 0;
    let byte: number | undefined = first;
    while (byte !== undefined && byte >= zero && byte <= nine && at - this.at < maxUnsignedDigits) {
      value = value * 10 + (byte - zero);
      byte = bytes[++at];
    }
    const hasLeadingZero = first === zero && at - this.at > 1;
    if (hasLeadingZero || byte === 0x2e || byte === 0x65 || byte === 0x45)
      throw this.#unexpected(key, 'unsigned-integer');
    if (value > Number.MAX_SAFE_INTEGER) {
      throw invalidArgument(`Unable to parse '${key}': value is out of range [ 0, ${Number.MAX_SAFE_INTEGER} ]`);
    }
    this.at = at;
    return value;
  }

  /** A number: integers as `number`, beyond 2^53 as `bigint`, all with a fraction or exponent as `double`. */
  number(): number | bigint | { readonly double: number } {
    this.peek();
    const text = this.#numberText();
    if (!integerText.test(text)) return { double: this.#finite(Number(text)) };
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text);
  }

  /** Consumes `literal` if it comes next, not followed by a further letter or digit. */
  word(literal: string): boolean {
    const { bytes, at } = this;
    const end = at + literal.length;
    for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal.charCodeAt(i)) return false;
    if (isWordByte(bytes[end])) return false;
    this.at = end;
    return true;
  }

  /** Checks and consumes a value of any kind, already `depth` levels deep; the total of skipped values is bounded. */
  skip(depth: number): void {
    const byte = this.peek();
    const start = this.at;
    if (byte === quote) {
      this.skipString();
    } else if (byte === openBrace || byte === openBracket) {
      if (depth >= maxJsonDepth) throw depthExceeded();
      if (byte === openBrace) {
        for (let key = this.firstKey(''); key !== null; key = this.nextKey()) this.skip(depth + 1);
      } else {
        for (let more = this.firstElement(''); more; more = this.nextElement()) this.skip(depth + 1);
      }
    } else if (byte === minus || (byte >= zero && byte <= nine)) {
      this.#finite(Number(this.#numberText()));
    } else if (!this.word('true') && !this.word('false') && !this.word('null')) {
      throw this.fail('Invalid value.');
    }
    if (byte === openBrace || byte === openBracket) return;
    this.#skipped += this.at - start + skippedValueBytes;
    if (this.#skipped > requestLimits.allTextBytes) {
      throw tooLong('what the JSON holds besides the members of the protocol', requestLimits.allTextBytes);
    }
  }

  /** Nothing but white space may follow the document. */
  end(): void {
    if (this.peek() !== -1) throw this.fail('The document root must not be followed by other values.');
  }

  /**
   * Consumes a string without decoding it.
   *
   * @param maxBytes between the quotes; longer strings are refused without reading the rest.
   * @returns true when its bytes between the quotes are the text itself, false when there are escapes in it.
   */
  skipString(maxBytes: number = requestLimits.textBytes): boolean {
    const { bytes } = this;
    const start = this.at + 1;
    const end = Math.min(bytes.length, start + maxBytes);
    let at = start;
    let isAscii = true;
    let isPlain = true;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      if (byte === undefined || at >= end) throw this.#endlessString(end);
      if (byte < 0x20) throw this.fail('Invalid encoding in string: a control character must be escaped.', at);
      if (byte >= 0x80) isAscii = false;
      if (byte === backslash) {
        isPlain = false;
        at++;
      }
    }
    if (!isAscii && !isUtf8(bytes.subarray(start, at)))
      throw this.fail('Invalid encoding in string: not UTF-8.', start);
    this.at = at + 1;
    return isPlain;
  }

  /** The text of `[from, to)` within the string literal at `start`, of which escapes are whole. */
  unescaped(from: number, to: number, start: number): string {
    let text: string;
    try {
      text = JSON.parse(`"${this.bytes.toString('utf8', from, to)}"`) as string;
    } catch {
      throw this.fail('Invalid escape character in string.', start);
    }
    if (loneSurrogate.test(text)) throw this.fail('The surrogate pair in string is invalid.', start);
    return text;
  }

  #endlessString(end: number): InferenceError {
    if (end < this.bytes.length) return tooLong(`the string at ${this.at}`, end - this.at - 1);
    return this.fail('Missing a closing quotation mark in string.', this.at);
  }

  #key(): string {
    if (this.peek() !== quote) throw this.fail('Missing a name for object member.');
    const key = this.#string(requestLimits.textBytes);
    if (this.peek() !== colon) throw this.fail('Missing a colon after a name of object member.');
    this.at++;
    return key;
  }

  #string(maxBytes: number): string {
    const { bytes, at: open } = this;
    const start = open + 1;
    const place = this.#strings++;
    const expected = expectedString(bytes, start, place);
    if (expected !== null) {
      this.at = start + expected.length + 1;
      return expected;
    }
    const length = plainLength(bytes, start);
    const entry = length < 0 ? -1 : internedEntry(bytes, start, length);
    if (entry >= 0) {
      expectString(place, entry);
      this.at = start + length + 1;
      return internedText(entry);
    }
    return this.#newString(maxBytes);
  }

  #newString(maxBytes: number): string {
    const { bytes, at: open } = this;
    const isPlain = this.skipString(maxBytes);
    return isPlain ? bytes.toString('utf8', open + 1, this.at - 1) : this.unescaped(open + 1, this.at - 1, open);
  }

  #numberText(): string {
    const { bytes, at } = this;
    const longest = at + requestLimits.numberCharacters;
    let end = at;
    while (end <= longest && isNumberByte(bytes[end])) end++;
    if (end > longest) throw this.fail('Number with too many characters.');
    const text = bytes.toString('latin1', at, end);
    if (!numberText.test(text)) throw this.fail('Invalid value.');
    this.at = end;
    return text;
  }

  #finite(value: number): number {
    if (!Number.isFinite(value)) throw this.fail('Number too big to be stored in double.');
    return value;
  }

  /** The error for a value of another kind, or a syntax error for no value. */
  #unexpected(key: string, kind: JsonKind): InferenceError {
    const byte = this.peek();
    if (byte === -1) return this.fail(this.bytes.length === 0 ? 'The document is empty.' : 'Invalid value.');
    const start = this.at;
    try {
      // The beginning of an array or object is enough, whatever its length.
      if (byte !== openBrace && byte !== openBracket) this.skip(0);
    } catch {
      return this.fail('Invalid value.', start);
    }
    return key === '' ? this.fail('Invalid value.', start) : wrongKind(key, kind);
  }
}

/** The bytes before the closing quotation mark of a string of plain ASCII that may be interned; else -1. */
function plainLength(bytes: Uint8Array, start: number): number {
  for (let at = start; at <= start + maxInternedBytes; at++) {
    const byte = bytes[at];
    if (byte === quote) return at - start;
    if (byte === undefined || byte < 0x20 || byte >= 0x80 || byte === backslash) return -1;
  }
  return -1;
}

const numberBytes: ReadonlySet<number | undefined> = new Set(Buffer.from('0123456789+-.eE'));
const isNumberByte = (byte: number | undefined): boolean => numberBytes.has(byte);

const isWordByte = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= zero && byte <= nine) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f);
