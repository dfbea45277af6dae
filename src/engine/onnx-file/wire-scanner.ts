/**
 * Walks a protobuf message over a random-access source by a table of rules. Tensor bytes and everything else that the
 * rules leave out are stepped over by seeking. The walk keeps a stack of its own, so depth costs no call stack; it
 * reads one window at a time, so size costs no memory; no memory is allocated for a length that the file only claims.
 */

import type { ByteSource } from './byte-source.ts';
import { WireCursor, wireType } from './wire-cursor.ts';
import { type FieldRule, type MessageRule, WireMessage } from './wire-message.ts';

/** Protobuf's own limit on nesting; ONNX Runtime refuses deeper files with it. */
const maxDepth = 100;
/** Longest name, label or location that is read; a window must hold it. */
const maxTextBytes = 192 * 1024;
/** Most values kept of one message. */
const maxKeptValues = 1_000_000;
/** Bytes whose content is not read. */
const placeRule: MessageRule = { name: 'bytes', fields: new Map() };
/** A tag and a length, both varints. */
const maxHeaderBytes = 20;

/** Reads `root` from the whole source, or from `range`. Calls `visit` with every message when it is complete. */
export async function scanMessage(
  source: ByteSource,
  root: MessageRule,
  visit: (message: WireMessage) => void,
  range: { readonly start: number; readonly end: number } = { start: 0, end: source.sizeBytes },
): Promise<WireMessage> {
  const top = new WireMessage(root, null, 0, range.start, range.start, range.end);
  const cursor = new WireCursor(source, range.start);
  let message = top;
  for (;;) {
    while (cursor.position === message.end) {
      visit(message);
      if (message.parent === null) return top;
      message = message.parent;
    }
    const need = Math.min(maxHeaderBytes, message.end - cursor.position);
    if (!cursor.holds(need)) await cursor.load(need);
    const start = cursor.position;
    const { field, type } = cursor.tag(message);
    const rule = message.rule.fields.get(field);
    if (type === wireType.varint) readNumber(cursor, message, field, rule);
    else if (type === wireType.fixed64) cursor.skip(8, message);
    else if (type === wireType.fixed32) cursor.skip(4, message);
    else {
      const end = cursor.contentEnd(message);
      if (rule === undefined) cursor.position = end;
      else if (rule.kind === 'place') {
        keep(cursor, message, field, new WireMessage(placeRule, message, field, start, cursor.position, end));
        cursor.position = end;
      } else if (rule.kind === 'message') message = enter(cursor, message, field, rule, start, end);
      else await readContent(cursor, message, field, rule, end);
    }
  }
}

function readNumber(cursor: WireCursor, message: WireMessage, field: number, rule: FieldRule | undefined): void {
  if (rule?.kind === 'integer') keep(cursor, message, field, cursor.integer(message));
  else if (rule?.kind === 'decimal') keep(cursor, message, field, cursor.decimal(message));
  else cursor.varint(message);
}

function enter(
  cursor: WireCursor,
  parent: WireMessage,
  field: number,
  rule: FieldRule & { kind: 'message' },
  start: number,
  end: number,
): WireMessage {
  const message = new WireMessage(rule.rule(), parent, field, start, cursor.position, end);
  if (message.depth > maxDepth) throw cursor.problem(start, `messages nest deeper than ${maxDepth}`);
  if (rule.single && !parent.enterOnce(field)) {
    throw cursor.problem(start, `${parent.rule.name} has its ${message.rule.name} (field ${field}) twice`);
  }
  if (rule.kept) keep(cursor, parent, field, message);
  return message;
}

async function readContent(
  cursor: WireCursor,
  message: WireMessage,
  field: number,
  rule: FieldRule,
  end: number,
): Promise<void> {
  if (rule.kind === 'text') {
    const length = end - cursor.position;
    if (length > maxTextBytes) {
      throw cursor.problem(cursor.position, `a text of ${message.rule.name} (field ${field}) has ${length} bytes`);
    }
    if (!cursor.holds(length)) await cursor.load(length);
    keep(cursor, message, field, cursor.text(length));
    return;
  }
  // Packed numbers. The end of the run bounds them, not the end of the message.
  while (cursor.position < end) {
    const need = Math.min(10, end - cursor.position);
    if (!cursor.holds(need)) await cursor.load(need);
    readNumber(cursor, message, field, rule);
  }
  if (cursor.position > end) throw cursor.problem(end, `packed numbers of ${message.rule.name} overrun their length`);
}

function keep(cursor: WireCursor, message: WireMessage, field: number, value: string | number | WireMessage): void {
  if (message.size >= maxKeptValues) {
    throw cursor.problem(cursor.position, `${message.rule.name} has more than ${maxKeptValues} values`);
  }
  message.add(field, value);
}
