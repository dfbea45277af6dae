/**
 * What both spellings of a configuration, protobuf text format and JSON, are parsed into: fields and values with the
 * place where each stands, and no knowledge of any schema. `read-config.ts` gives them meaning.
 */

import { type InferenceError, invalidArgument } from '../errors.ts';

/** A number as it was written; `text` has neither sign nor base prefix. */
export interface NumberNode {
  readonly kind: 'number';
  readonly at: number;
  readonly isNegative: boolean;
  readonly form: 'decimal' | 'hexadecimal' | 'octal' | 'float';
  readonly text: string;
}

/** A bare word: an enum value, `true`, `inf`, or JSON's `null`. */
export interface WordNode {
  readonly kind: 'word';
  readonly at: number;
  readonly isNegative: boolean;
  readonly text: string;
}

export interface StringNode {
  readonly kind: 'string';
  readonly at: number;
  readonly value: string;
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly SourceNode[];
}

export interface MessageNode {
  readonly kind: 'message';
  readonly at: number;
  readonly fields: readonly SourceField[];
}

export type SourceNode = NumberNode | WordNode | StringNode | ListNode | MessageNode;

export interface SourceField {
  readonly name: string;
  /** Offset of the name. */
  readonly at: number;
  /** Text format lets messages do without. */
  readonly hasColon: boolean;
  readonly value: SourceNode;
}

export interface SourceTree {
  readonly root: MessageNode;
  readonly position: SourcePosition;
}

/** Turns offsets into `label:line:column`, both counted from 1, columns in characters. */
export class SourcePosition {
  readonly #label: string;
  readonly #bytes: Uint8Array;
  #lineStarts: number[] | null = null;

  constructor(label: string, bytes: Uint8Array) {
    this.#label = label;
    this.#bytes = bytes;
  }

  text(offset: number): string {
    this.#lineStarts ??= findLineStarts(this.#bytes);
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    const before = Buffer.from(this.#bytes.subarray(starts[low], offset)).toString('utf8');
    return `${this.#label}:${low + 1}:${[...before].length + 1}`;
  }

  error(offset: number, message: string): InferenceError {
    return invalidArgument(`${this.text(offset)}: ${message}`);
  }
}

function findLineStarts(bytes: Uint8Array): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}

const longestQuote = 64;

/** A name or value from outside as messages quote it: cut when long, control characters made visible. */
export function quoted(text: string): string {
  const cut = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
  let shown = '';
  for (const character of cut) {
    const code = character.codePointAt(0) as number;
    shown += code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }
  return `'${shown}'`;
}

/** How a node is called in "expected …, got …". */
export function nodeText(node: SourceNode): string {
  switch (node.kind) {
    case 'message':
      return 'a message';
    case 'list':
      return 'a list';
    case 'string':
      return 'a string';
    case 'word':
      return quoted(`${node.isNegative ? '-' : ''}${node.text}`);
    case 'number': {
      const base = node.form === 'hexadecimal' ? '0x' : node.form === 'octal' ? '0' : '';
      return quoted(`${node.isNegative ? '-' : ''}${base}${node.text}`);
    }
  }
}
