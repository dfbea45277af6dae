/**
 * Puts a counter at each place of a JavaScript text where the way it goes is decided: functions, both sides of a condition,
 * loop bodies, cases, right sides of `&&`, `||` and `??`. Also collects the constants that a text compares with, which are
 * what inputs are made of.
 */

import { type Node, parse } from 'acorn';

/** The name under which the counted text finds its counters, an array of bytes that do not overflow. */
export const hitsName = 'branchHits';

export interface CountedText {
  readonly text: string;
  /** Counters used, from the first on. */
  readonly count: number;
  /** The line of each. */
  readonly lines: readonly number[];
  /** Strings in the text that may be words of a format. */
  readonly words: readonly string[];
}

const longestWord = 32;

type Parts = Node & { readonly [part: string]: unknown };

/** @param text  A module. @param first The index of its first counter. */
export function withCounters(text: string, first: number): CountedText {
  const inserted: { readonly at: number; readonly text: string }[] = [];
  const words = new Set<string>();
  const places: number[] = [];
  const counter = (at: number) => `$hits[${first + places.push(at) - 1}]++`;
  const open = (at: number, what: string) => inserted.push({ at, text: what });

  /** Counts a statement; what has to be closed behind it is returned, for when its parts have been visited. */
  const enterStatement = (node: Parts): string => {
    if (node.type === 'BlockStatement') {
      open(node.start + 1, `${counter(node.start)};`);
      return '';
    }
    open(node.start, `{${counter(node.start)};`);
    return '}';
  };
  const enterExpression = (node: Parts): string => {
    open(node.start, `(${counter(node.start)},`);
    return ')';
  };

  const visit = (node: Parts): void => {
    /** Children in the order of the text, each with what it needs around it. */
    const around = new Map<unknown, (part: Parts) => string>();
    let behind = '';
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        around.set(node.body, enterStatement);
        break;
      case 'ArrowFunctionExpression':
        around.set(node.body, node.expression === true ? enterExpression : enterStatement);
        break;
      case 'IfStatement':
        around.set(node.consequent, enterStatement);
        if (node.alternate === null) behind = ` else {${counter(node.end)};}`;
        else around.set(node.alternate, enterStatement);
        break;
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'CatchClause':
        around.set(node.body, enterStatement);
        break;
      case 'SwitchCase': {
        const test = node.test as Parts | null;
        open(text.indexOf(':', test === null ? node.start : test.end) + 1, `${counter(node.start)};`);
        break;
      }
      case 'ConditionalExpression':
        around.set(node.consequent, enterExpression);
        around.set(node.alternate, enterExpression);
        break;
      case 'LogicalExpression':
        around.set(node.right, enterExpression);
        break;
      case 'Literal': {
        const value = node.value;
        if (typeof value === 'string' && value !== '' && value.length <= longestWord) words.add(value);
        break;
      }
    }
    for (const part of partsOf(node)) {
      const close = around.get(part)?.(part) ?? '';
      visit(part);
      if (close !== '') open(part.end, close);
    }
    if (behind !== '') open(node.end, behind);
  };

  visit(parse(text, { ecmaVersion: 'latest', sourceType: 'module' }) as unknown as Parts);
  // Stable: what is inserted at the same place stays in the order in which it was found.
  inserted.sort((a, b) => a.at - b.at);
  let counted = `const $hits = globalThis.${hitsName};`;
  let at = 0;
  for (const one of inserted) {
    counted += text.slice(at, one.at) + one.text;
    at = one.at;
  }
  return { text: counted + text.slice(at), count: places.length, lines: places.map(lineOf(text)), words: [...words] };
}

const lineOf =
  (text: string) =>
  (at: number): number =>
    text.slice(0, at).split('\n').length;

function partsOf(node: Parts): Parts[] {
  const parts: Parts[] = [];
  for (const value of Object.values(node)) {
    for (const one of Array.isArray(value) ? value : [value]) if (isNode(one)) parts.push(one);
  }
  return parts.sort((a, b) => a.start - b.start);
}

const isNode = (value: unknown): value is Parts =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
