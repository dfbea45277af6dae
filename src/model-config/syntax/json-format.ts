/**
 * Parses JSON (RFC 8259) into the tree of `source-tree.ts`. `JSON.parse` is not enough: it rounds integers beyond 2^53,
 * loses positions and accepts repeated names.
 */

import { isUtf8 } from 'node:buffer';
import { type InferenceError, invalidArgument } from '../../errors.ts';
import { quoted } from '../../shown-text.ts';
import { type LineAndColumn, SourcePosition } from './source-position.ts';
import type { SourceField, SourceNode, SourceTree } from './source-tree.ts';
import { NodeCounter } from './source-tree.ts';
import { maxConfigBytes, maxDepth } from './text-format.ts';

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordPattern = /true|false|null/y;
const isBlank = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const loneSurrogate = /\p{Cs}/u;

/** @throws InferenceError invalid_argument with `label:line:column` */
export function parseJson(label: string, text: string | Uint8Array): SourceTree {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.length > maxConfigBytes) {
    throw invalidArgument(`${label}: expected at most ${maxConfigBytes} bytes, got ${bytes.length}`);
  }
  if (!isUtf8(bytes)) throw invalidArgument(`${label}: the text is not valid UTF-8`);
  const parser = new JsonParser(label, Buffer.from(bytes).toString('utf8'));
  return { root: parser.document(), position: parser.position };
}

class JsonParser {
  readonly position: SourcePosition;
  readonly #nodes: NodeCounter;
  readonly #text: string;
  #at = 0;

  constructor(label: string, text: string) {
    this.position = new JsonPosition(label, text);
    this.#nodes = new NodeCounter(this.position);
    this.#text = text;
  }

  document(): SourceTree['root'] {
    const value = this.#value(0);
    if (value.kind !== 'message') throw this.position.error(value.at, 'expected an object');
    if (this.#next() !== '') throw this.#unexpected('the end of the text');
    return value;
  }

  #next(): string {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #value(depth: number): SourceNode {
    if (depth > maxDepth) throw this.position.error(this.#at, `values are nested more than ${maxDepth} deep`);
    const first = this.#next();
    const at = this.#at;
    this.#nodes.add(at);
    if (first === '{') return { kind: 'message', at, fields: this.#fields(depth) };
    if (first === '[') return { kind: 'list', at, items: this.#items(depth) };
    if (first === '"') return { kind: 'string', at, value: this.#string() };
    const number = this.#match(numberPattern);
    if (number !== null) {
      const isNegative = number.startsWith('-');
      const digits = isNegative ? number.slice(1) : number;
      return { kind: 'number', at, isNegative, form: /[.eE]/.test(digits) ? 'float' : 'decimal', text: digits };
    }
    const word = this.#match(wordPattern);
    if (word === null) throw this.#unexpected('a value');
    return { kind: 'word', at, isNegative: false, text: word };
  }

  #fields(depth: number): SourceField[] {
    const fields: SourceField[] = [];
    this.#at++;
    if (this.#take('}')) return fields;
    do {
      if (this.#next() !== '"') throw this.#unexpected('a name in quotes');
      const at = this.#at;
      const name = this.#string();
      if (!this.#take(':')) throw this.#unexpected("':'");
      fields.push({ name, at, hasColon: true, value: this.#value(depth + 1) });
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#unexpected("',' or '}'");
    return fields;
  }

  #items(depth: number): SourceNode[] {
    const items: SourceNode[] = [];
    this.#at++;
    if (this.#take(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(','));
    if (!this.#take(']')) throw this.#unexpected("',' or ']'");
    return items;
  }

  #string(): string {
    const at = this.#at;
    this.#skipString();
    let value: string;
    try {
      value = String(JSON.parse(this.#text.slice(at, this.#at)));
    } catch {
      throw this.position.error(at, 'the string has an unknown escape');
    }
    if (loneSurrogate.test(value)) throw this.position.error(at, 'the string has half of a surrogate pair');
    return value;
  }

  /** Moves behind the closing quote; `JSON.parse` decodes the string. */
  #skipString(): void {
    const at = this.#at;
    for (this.#at++; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) this.#at++;
      else if (Number.isNaN(code)) throw this.position.error(at, 'the string has no closing quote');
      else if (code < 0x20) throw this.position.error(this.#at, 'the string has a control character');
    }
    this.#at++;
  }

  #take(symbol: string): boolean {
    if (this.#next() !== symbol) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #unexpected(expected: string): InferenceError {
    const next = this.#next();
    const point = this.#text.codePointAt(this.#at);
    const got = next === '' || point === undefined ? 'the end of the text' : quoted(String.fromCodePoint(point));
    return this.position.error(this.#at, `expected ${expected}, got ${got}`);
  }
}

/** Offsets of a JavaScript string instead of bytes. */
class JsonPosition extends SourcePosition {
  readonly #source: string;

  constructor(label: string, text: string) {
    super(label, Buffer.from(text, 'utf8'));
    this.#source = text;
  }

  override find(offset: number): LineAndColumn {
    return super.find(Buffer.byteLength(this.#source.slice(0, offset), 'utf8'));
  }
}
