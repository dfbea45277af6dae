/**
 * Writes the protobuf wire format into existing memory. Sizes come first: every `…Size` gives exactly the bytes that
 * its
 * `write…` needs, so that a message needs one allocation and no copy.
 */

const twoTo32 = 2 ** 32;

/** Below this length a loop over the characters beats the call into native code. */
const shortText = 64;

/** The size of an unsigned integer below 2^32. */
function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** The size of a safe integer as int64: negative numbers take ten bytes. */
export function int64Size(value: number): number {
  if (value < 0) return 10;
  if (value < twoTo32) return varintSize(value);
  return varint64Size(BigInt(value));
}

export function varint64Size(value: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, value) >> 7n; rest > 0n; rest >>= 7n) size++;
  return size;
}

/** UTF-8 bytes; a lone surrogate counts as the replacement character it is written as. */
export function textBytes(text: string): number {
  if (text.length > shortText) return Buffer.byteLength(text);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return text.length;
}

/** The size of a field with a one-byte tag and a length before `length` bytes. */
export const lengthFieldSize = (length: number): number => 1 + varintSize(length) + length;

/** The size of a string field; 0 when it is empty, as in proto3. */
export const textFieldSize = (text: string): number => (text === '' ? 0 : lengthFieldSize(textBytes(text)));

/** All `write…` functions return the position after the written bytes. */
function writeVarint(target: Uint8Array, at: number, value: number): number {
  let to = at;
  let rest = value;
  while (rest >= 0x80) {
    target[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[to++] = rest;
  return to;
}

export function writeInt64(target: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < twoTo32) return writeVarint(target, at, value);
  return writeVarint64(target, at, BigInt(value));
}

export function writeVarint64(target: Uint8Array, at: number, value: bigint): number {
  let to = at;
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    target[to++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[to++] = Number(rest);
  return to;
}

/** Tag and length before `length` bytes that the caller writes. */
export function writeLengthTag(target: Uint8Array, at: number, tag: number, length: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, length);
}

/** A string field; writes nothing when it is empty. */
export function writeTextField(target: Buffer, at: number, tag: number, text: string): number {
  if (text === '') return at;
  const length = textBytes(text);
  const to = writeLengthTag(target, at, tag, length);
  if (length !== text.length || length > shortText) target.write(text, to, length);
  else for (let i = 0; i < length; i++) target[to + i] = text.charCodeAt(i);
  return to + length;
}

export function writeBytesField(target: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  const to = writeLengthTag(target, at, tag, bytes.length);
  target.set(bytes, to);
  return to + bytes.length;
}

/** Fields that are encoded already. */
export function writeEncoded(target: Uint8Array, at: number, fields: Uint8Array): number {
  const { length } = fields;
  if (length > shortText) target.set(fields, at);
  else for (let i = 0; i < length; i++) target[at + i] = fields[i] as number;
  return at + length;
}
