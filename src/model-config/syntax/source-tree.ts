/**
 * The result of parsing a configuration, from protobuf text format or from JSON: fields and values with their places,
 * without a schema. `read-config.ts` gives them meaning.
 */

import { quoted } from '../../shown-text.ts';
import type { SourcePosition } from './source-position.ts';

/** A number as it was written; `text` has neither sign nor base prefix. */
export interface NumberNode {
  readonly kind: 'number';
  readonly at: number;
  readonly isNegative: boolean;
  readonly form: 'decimal' | 'hexadecimal' | 'octal' | 'float';
  readonly text: string;
}

/** A bare word: an enum value, `true`, `inf`, or JSON's `null`. */
interface WordNode {
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
  /** False for a message without a colon, which text format allows. */
  readonly hasColon: boolean;
  readonly value: SourceNode;
}

export interface SourceTree {
  readonly root: MessageNode;
  readonly position: SourcePosition;
}

/**
 * Fields and values that a configuration may have: several times what thousands of inputs and outputs need. Each
 * becomes an object that every check visits, so without a limit few bytes would be much work.
 */
export const maxNodes = 16_384;

/** Counts the values of one text while it is parsed. */
export class NodeCounter {
  readonly #position: SourcePosition;
  #count = 0;

  constructor(position: SourcePosition) {
    this.#position = position;
  }

  /** @throws InferenceError invalid_argument at the value that is too many. */
  add(at: number): void {
    if (++this.#count > maxNodes) throw this.#position.error(at, `a configuration has at most ${maxNodes} values`);
  }
}

/** The text for a node in "expected …, got …". */
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
