/** Writes the few protobuf fields that rewriting a model needs. */

/** An unsigned number below 2^53 as a varint. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A varint field. */
export const integerField = (field: number, value: number): Uint8Array => joined([varint(field * 8), varint(value)]);

/** A length-delimited field: a nested message made of `parts`, or a text. */
export function bytesField(field: number, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const content = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part));
  return joined([fieldHead(field, lengthOf(content)), ...content]);
}

/** Tag and length of a length-delimited field whose content is written elsewhere. */
export const fieldHead = (field: number, length: number): Uint8Array => joined([varint(field * 8 + 2), varint(length)]);

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);
