/**
 * Parses protobuf text format into a tree with positions. Generic: it knows no field. The meaning of a list, a colon or
 * a word for a field is decided in `schema/read-config.ts`. Takes linear time and bounded stack.
 *
 * A byte order mark is skipped (editors on Windows write it); protobuf's own parser refuses it.
 */

import { invalidArgument } from '../../errors.ts';
import { quoted } from '../../shown-text.ts';
import type { ListNode, MessageNode, SourceField, SourceNode, SourceTree } from './source-tree.ts';
import { SourcePosition } from './source-position.ts';
import { TextScanner } from './text-scanner.ts';

/** Far more than ModelConfig needs (7), far less than a stack holds. */
export const maxDepth = 64;
/** The largest configuration. */
export const maxConfigBytes = 4 * 1024 * 1024;

const closers: Readonly<Record<string, string>> = { '{': '}', '<': '>' };

/**
 * @param label the name of the text in errors, e.g. `config.pbtxt`
 * @throws InferenceError invalid_argument with `label:line:column`
 */
export function parseTextFormat(label: string, text: string | Uint8Array): SourceTree {
  const bytes = withoutMark(typeof text === 'string' ? Buffer.from(text, 'utf8') : text);
  if (bytes.length > maxConfigBytes) {
    throw invalidArgument(`${label}: expected at most ${maxConfigBytes} bytes, got ${bytes.length}`);
  }
  const position = new SourcePosition(label, bytes);
  const nul = bytes.indexOf(0);
  if (nul !== -1) throw position.error(nul, 'the text has a NUL byte');
  const scanner = new TextScanner(bytes, position);
  const fields: SourceField[] = [];
  while (!scanner.atEnd()) fields.push(parseField(scanner, 0));
  return { root: { kind: 'message', at: 0, fields }, position };
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function parseField(scanner: TextScanner, depth: number): SourceField {
  const at = scanner.start();
  if (scanner.peek() === '[') {
    throw scanner.position.error(at, "'[' starts an extension or Any, which configurations do not have");
  }
  const name = scanner.word();
  if (name === null) throw scanner.unexpected('a field name');
  const hasColon = scanner.take(':');
  const next = scanner.peek();
  if (!hasColon && next !== '{' && next !== '<' && next !== '[') throw scanner.unexpected(`':' after ${quoted(name)}`);
  const value = next === '[' ? parseList(scanner, depth) : parseValue(scanner, depth);
  if (!scanner.take(',')) scanner.take(';');
  return { name, at, hasColon, value };
}

function parseList(scanner: TextScanner, depth: number): ListNode {
  const at = scanner.start();
  scanner.nodes.add(at);
  scanner.take('[');
  const items: SourceNode[] = [];
  if (scanner.take(']')) return { kind: 'list', at, items };
  for (;;) {
    items.push(parseValue(scanner, depth));
    if (scanner.take(']')) return { kind: 'list', at, items };
    if (!scanner.take(',')) throw scanner.unexpected("',' or ']' in the list");
  }
}

function parseValue(scanner: TextScanner, depth: number): SourceNode {
  scanner.nodes.add(scanner.start());
  const symbol = scanner.peek();
  if (symbol === '{' || symbol === '<') return parseMessage(scanner, symbol, depth + 1);
  const string = scanner.string();
  if (string !== null) return string;
  const at = scanner.start();
  const isNegative = scanner.take('-');
  const number = scanner.number(isNegative, at);
  if (number !== null) return number;
  const text = scanner.word();
  if (text === null) throw scanner.unexpected('a value');
  return { kind: 'word', at, isNegative, text };
}

function parseMessage(scanner: TextScanner, open: string, depth: number): MessageNode {
  const at = scanner.start();
  if (depth > maxDepth) throw scanner.position.error(at, `messages are nested more than ${maxDepth} deep`);
  scanner.take(open);
  const close = closers[open] as string;
  const fields: SourceField[] = [];
  while (!scanner.take(close)) {
    if (scanner.atEnd()) throw scanner.position.error(at, `'${open}' has no closing '${close}'`);
    fields.push(parseField(scanner, depth));
  }
  return { kind: 'message', at, fields };
}
