/**
 * Changes of protobuf messages that leave the lengths around them right: fields left out, doubled, moved to other places and
 * from other messages, with other numbers and values. Knows no schema: content that reads as fields is taken for a message.
 */

import type { Chance } from './chance.ts';

interface Field {
  number: number;
  type: number;
  /** Of a varint or a fixed width, its bytes; of what has a length, its content. */
  value: Buffer | Field[];
}

const lengthType = 2;
const maxDepth = 10;
const highestNumber = 26;
const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

const values: readonly (readonly number[])[] = [
  ...[
    [0],
    [1],
    [2],
    [7],
    [0x7f],
    [0x80, 0x01],
    [0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff, 0x07],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
  ],
  ...[
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  ],
  ...[
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    [0x80, 0x00],
  ],
];

/** Null where the bytes are no message. */
export function changedMessage(bytes: Buffer, other: Buffer, chance: Chance): Buffer | null {
  const fields = fieldsOf(bytes, 0);
  if (fields === null) return null;
  const lists = listsBelow(fields);
  const lent = listsBelow(fieldsOf(other, 0) ?? []).flat();
  for (let count = 1 + chance.below(5); count > 0; count--) change(chance.of(lists), lent, chance);
  return encoded(fields);
}

function change(list: Field[], lent: readonly Field[], chance: Chance): void {
  const at = chance.below(list.length + 1);
  const field = list[at];
  const copy = (one: Field): Field => ({ ...one, value: Array.isArray(one.value) ? [...one.value] : one.value });
  switch (field === undefined ? 3 + chance.below(2) : chance.below(9)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      for (let times = chance.oneIn(30) ? 1200 : chance.length(20); times > 0; times--) list.push(copy(field));
      return;
    case 2:
      list.splice(chance.below(list.length), 0, ...list.splice(at, 1));
      return;
    case 3:
      if (lent.length > 0) list.splice(at, 0, copy(chance.of(lent)));
      return;
    case 4: {
      const number = 1 + chance.below(highestNumber);
      const isLong = chance.oneIn(2);
      const value = isLong ? Buffer.alloc(chance.below(12), chance.bits() & 0xff) : Buffer.from(chance.of(values));
      list.splice(at, 0, { number, type: isLong ? lengthType : 0, value });
      return;
    }
    case 5:
      field.number = chance.oneIn(2)
        ? 1 + chance.below(highestNumber)
        : Math.max(1, field.number + chance.below(3) - 1);
      return;
    case 6: {
      const rich = lent.filter(({ type }) => type === field.type);
      field.value = rich.length > 0 && chance.oneIn(2) ? chance.of(rich).value : valueFor(field, chance);
      return;
    }
    default:
      field.value = valueFor(field, chance);
  }
}

function valueFor({ type, value }: Field, chance: Chance): Buffer {
  if (type === 0) return Buffer.from(chance.of(values));
  const bytes: Buffer = Array.isArray(value) ? encoded(value) : Buffer.from(value);
  if (bytes.length > 0) bytes[chance.below(bytes.length)] = chance.bits();
  if (type !== lengthType) return bytes;
  if (chance.oneIn(3)) return bytes.subarray(0, chance.below(bytes.length + 1));
  return chance.oneIn(2) ? Buffer.concat([bytes, bytes.subarray(chance.below(bytes.length + 1))]) : bytes;
}

function listsBelow(fields: Field[]): Field[][] {
  return [fields, ...fields.flatMap(({ value }) => (Array.isArray(value) ? listsBelow(value) : []))];
}

function fieldsOf(bytes: Buffer, depth: number): Field[] | null {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tagEnd = varintEnd(bytes, at);
    if (tagEnd === 0 || tagEnd - at > 3) return null;
    const tag = numberOf(bytes.subarray(at, tagEnd));
    const [number, type] = [tag >> 3, tag & 7];
    let end =
      type === 0 || type === lengthType ? varintEnd(bytes, tagEnd) : tagEnd + (fixedBytes[type] ?? bytes.length + 1);
    if (number === 0 || end === 0 || end > bytes.length) return null;
    let value: Buffer | Field[] = bytes.subarray(tagEnd, end);
    if (type === lengthType) {
      const from = end;
      end += numberOf(value);
      if (end > bytes.length) return null;
      const content = bytes.subarray(from, end);
      value = depth < maxDepth && content.length > 1 ? (fieldsOf(content, depth + 1) ?? content) : content;
    }
    fields.push({ number, type, value });
    at = end;
  }
  return fields;
}

/** Behind the varint at that place, 0 where there is none. */
function varintEnd(bytes: Buffer, at: number): number {
  for (let end = at; end < bytes.length && end < at + 10; end++) if (bytes[end] < 0x80) return end + 1;
  return 0;
}

function numberOf(varint: Buffer): number {
  let value = 0;
  for (let i = varint.length - 1; i >= 0; i--) value = value * 128 + (varint[i] & 0x7f);
  return value;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function encoded(fields: readonly Field[]): Buffer {
  const parts = fields.flatMap(({ number, type, value }) => {
    const content = Array.isArray(value) ? encoded(value) : value;
    const tag = varint(number * 8 + type);
    return type === lengthType ? [tag, varint(content.length), content] : [tag, content];
  });
  return Buffer.concat(parts);
}
