/**
 * Tokens of protobuf text format over bytes. Bytes are read as Latin-1, so that an offset is a position in the file.
 * Only strings are decoded as UTF-8, because only they may contain other characters than ASCII (comments are skipped).
 */

import { isUtf8 } from 'node:buffer';
import type { InferenceError } from '../../errors.ts';
import { quoted } from '../../shown-text.ts';
import type { SourcePosition } from './source-position.ts';
import type { NumberNode, StringNode } from './source-tree.ts';
import { NodeCounter } from './source-tree.ts';

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isOctal = (code: number): boolean => code >= 0x30 && code <= 0x37;
const isHex = (code: number): boolean => isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
const isWordStart = (code: number): boolean => ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f;
const isWordPart = (code: number): boolean => isWordStart(code) || isDigit(code);
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

const newline = 0x0a;
const backslash = 0x5c;
const simpleEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 0x5c],
  ["'", 0x27],
  ['"', 0x22],
  ['?', 0x3f],
]);

export class TextScanner {
  readonly position: SourcePosition;
  readonly nodes: NodeCounter;
  readonly #text: string;
  #at = 0;

  constructor(bytes: Uint8Array, position: SourcePosition) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.position = position;
    this.nodes = new NodeCounter(position);
  }

  /** Offset of the next token, blanks and comments skipped. */
  start(): number {
    for (;;) {
      const code = this.#code();
      if (isSpace(code)) this.#at++;
      else if (code === 0x23) this.#skipComment();
      else return this.#at;
    }
  }

  atEnd(): boolean {
    return this.start() === this.#text.length;
  }

  /** The next character when it is a symbol, '' at the end; nothing is consumed. */
  peek(): string {
    return this.#text.charAt(this.start());
  }

  /** Consumes this one-character symbol if it is next. */
  take(symbol: string): boolean {
    if (this.peek() !== symbol) return false;
    this.#at++;
    return true;
  }

  /** Consumes a bare word, or returns null. */
  word(): string | null {
    const start = this.start();
    if (!isWordStart(this.#code())) return null;
    while (isWordPart(this.#code())) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** Consumes one quoted string or several adjacent ones, or returns null. */
  string(): StringNode | null {
    const at = this.start();
    const bytes: number[] = [];
    let found = false;
    for (let quote = this.peek(); quote === '"' || quote === "'"; quote = this.peek()) {
      found = true;
      this.#quotedBytes(quote, bytes);
    }
    if (!found) return null;
    const buffer = Buffer.from(bytes);
    if (!isUtf8(buffer)) throw this.position.error(at, 'the string is not valid UTF-8');
    return { kind: 'string', at, value: buffer.toString('utf8') };
  }

  /** Consumes a number without its sign, or returns null. */
  number(isNegative: boolean, at: number): NumberNode | null {
    const start = this.start();
    const first = this.#code();
    if (!isDigit(first) && !(first === 0x2e && isDigit(this.#code(1)))) return null;
    if (first === 0x30 && (this.#code(1) | 0x20) === 0x78) return this.#hexadecimal(isNegative, at);
    while (isDigit(this.#code())) this.#at++;
    const integerEnd = this.#at;
    const isFloat = this.#fraction();
    const text = this.#text.slice(start, this.#at);
    if (isFloat) {
      if ((this.#code() | 0x20) === 0x66) this.#at++;
      this.#endNumber(start);
      return { kind: 'number', at, isNegative, form: 'float', text };
    }
    this.#endNumber(start);
    if (first !== 0x30 || integerEnd === start + 1) return { kind: 'number', at, isNegative, form: 'decimal', text };
    for (let i = start; i < integerEnd; i++) {
      if (!isOctal(this.#text.charCodeAt(i))) {
        throw this.position.error(at, `${quoted(text)} starts with 0, which makes it octal, but has a digit above 7`);
      }
    }
    return { kind: 'number', at, isNegative, form: 'octal', text: text.slice(1) };
  }

  /** Fails at the next token: "expected …, got …". */
  unexpected(expected: string): InferenceError {
    const at = this.start();
    const got = at === this.#text.length ? 'the end of the text' : quoted(this.#characterAt(at));
    return this.position.error(at, `expected ${expected}, got ${got}`);
  }

  /** Decodes the whole character, so that a message never shows half of one. */
  #characterAt(at: number): string {
    const word = /^[A-Za-z0-9_.]{1,65}/.exec(this.#text.slice(at, at + 65))?.[0];
    if (word !== undefined) return word;
    const decoded = Buffer.from(this.#text.slice(at, at + 4), 'latin1').toString('utf8');
    return String.fromCodePoint(decoded.codePointAt(0) as number);
  }

  /** NaN past the end, which no test of a character accepts. */
  #code(ahead = 0): number {
    return this.#text.charCodeAt(this.#at + ahead);
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#text.length : end + 1;
  }

  #hexadecimal(isNegative: boolean, at: number): NumberNode {
    this.#at += 2;
    const start = this.#at;
    while (isHex(this.#code())) this.#at++;
    if (this.#at === start) throw this.position.error(at, "'0x' must be followed by hexadecimal digits");
    this.#endNumber(start);
    return { kind: 'number', at, isNegative, form: 'hexadecimal', text: this.#text.slice(start, this.#at) };
  }

  /** Consumes a fraction and an exponent and says whether there was any. */
  #fraction(): boolean {
    let isFloat = false;
    if (this.#code() === 0x2e) {
      isFloat = true;
      this.#at++;
      while (isDigit(this.#code())) this.#at++;
    }
    if ((this.#code() | 0x20) === 0x65) {
      const sign = this.#code(1) === 0x2b || this.#code(1) === 0x2d ? 1 : 0;
      if (!isDigit(this.#code(1 + sign))) throw this.unexpected('digits after the exponent');
      isFloat = true;
      this.#at += 1 + sign;
      while (isDigit(this.#code())) this.#at++;
    }
    return isFloat || (this.#code() | 0x20) === 0x66;
  }

  #endNumber(start: number): void {
    if (isWordPart(this.#code()) || this.#code() === 0x2e) {
      throw this.position.error(start, 'a number must be followed by a blank or a symbol');
    }
  }

  #quotedBytes(quote: string, bytes: number[]): void {
    const open = this.#at;
    const close = quote.charCodeAt(0);
    this.#at++;
    for (;;) {
      const code = this.#code();
      if (Number.isNaN(code) || code === newline) {
        throw this.position.error(open, `the string has no closing ${quote} on its line`);
      }
      if (code === backslash) this.#escape(bytes);
      else {
        this.#at++;
        if (code === close) return;
        bytes.push(code);
      }
    }
  }

  #escape(bytes: number[]): void {
    const at = this.#at;
    const letter = this.#text.charAt(at + 1);
    const simple = simpleEscapes.get(letter);
    this.#at += 2;
    if (simple !== undefined) bytes.push(simple);
    else if (isOctal(letter.charCodeAt(0))) this.#octalEscape(at, bytes);
    else if (letter === 'x' || letter === 'X') bytes.push(this.#digits(at, isHex, 16, 1, 2));
    else if (letter === 'u') this.#pushCodePoint(at, this.#digits(at, isHex, 16, 4, 4), bytes);
    else if (letter === 'U') this.#pushCodePoint(at, this.#digits(at, isHex, 16, 8, 8), bytes);
    else throw this.position.error(at, `a string has an unknown escape, '\\' followed by ${quoted(letter)}`);
  }

  #octalEscape(at: number, bytes: number[]): void {
    this.#at--;
    const value = this.#digits(at, isOctal, 8, 1, 3);
    if (value > 255) throw this.position.error(at, 'an octal escape is at most \\377');
    bytes.push(value);
  }

  #digits(at: number, isOne: (code: number) => boolean, radix: number, least: number, most: number): number {
    const start = this.#at;
    while (this.#at - start < most && isOne(this.#code())) this.#at++;
    if (this.#at - start < least) throw this.position.error(at, `the escape needs ${least} digits`);
    return Number.parseInt(this.#text.slice(start, this.#at), radix);
  }

  /** A high surrogate must be followed by the escape of a low one; the two are one character. */
  #pushCodePoint(at: number, first: number, bytes: number[]): void {
    let point = first;
    if (first >= 0xd800 && first <= 0xdbff && this.#text.startsWith('\\u', this.#at)) {
      this.#at += 2;
      const second = this.#digits(at, isHex, 16, 4, 4);
      if (second >= 0xdc00 && second <= 0xdfff) point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw this.position.error(at, 'the escape is no Unicode character');
    }
    for (const byte of Buffer.from(String.fromCodePoint(point), 'utf8')) bytes.push(byte);
  }
}
