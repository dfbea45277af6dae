/**
 * Names of models, tensors, datatypes and members of JSON repeat with every request. To compare their bytes with those
 * of a known string is several times cheaper than to make a new one. Equal strings are then the same object with its
 * hash computed, which makes later look-ups in maps faster. The number of short strings is fixed, so clients can evict
 * entries but not grow the table.
 */

const entryCount = 1024;

/** Longer strings are not kept. */
export const maxInternedBytes = 64;

const texts: string[] = new Array<string>(entryCount).fill('');
/** The bytes of each text, `maxInternedBytes` apart: comparing bytes with bytes is faster than with characters. */
const textBytes = new Uint8Array(entryCount * maxInternedBytes);

const entryOf = (bytes: Uint8Array, at: number, length: number): number => {
  const first = bytes[at] as number;
  const middle = bytes[at + (length >> 1)] as number;
  const last = bytes[at + length - 1] as number;
  return (length * 131 + first * 31 + middle * 17 + last * 7) & (entryCount - 1);
};

/** The entry of these bytes, for `internedText`; -1 when they are none, too many or not ASCII. Bounds are checked. */
export function internedEntry(bytes: Buffer, at: number, length: number): number {
  if (length === 0 || length > maxInternedBytes) return -1;
  const entry = entryOf(bytes, at, length);
  return (texts[entry] as string).length === length && isSame(entry, bytes, at, length)
    ? entry
    : remember(entry, bytes, at, length);
}

/** The string in an entry; valid until something else is interned. */
export const internedText = (entry: number): string => texts[entry] as string;

/** Whether the string in an entry and then `end` are at that place. */
export function isInternedAt(entry: number, bytes: Uint8Array, at: number, end: number): boolean {
  const { length } = texts[entry] as string;
  return bytes[at + length] === end && isSame(entry, bytes, at, length);
}

/** The string of these bytes; null when they are too long or not ASCII. The caller has checked the bounds. */
export function internedAscii(bytes: Buffer, at: number, length: number): string | null {
  if (length === 0) return '';
  const entry = internedEntry(bytes, at, length);
  return entry < 0 ? null : internedText(entry);
}

function isSame(entry: number, bytes: Uint8Array, at: number, length: number): boolean {
  const first = entry * maxInternedBytes;
  for (let i = 0; i < length; i++) if (textBytes[first + i] !== bytes[at + i]) return false;
  return true;
}

function remember(entry: number, bytes: Buffer, at: number, length: number): number {
  for (let i = 0; i < length; i++) if ((bytes[at + i] as number) >= 0x80) return -1;
  const first = entry * maxInternedBytes;
  for (let i = 0; i < length; i++) textBytes[first + i] = bytes[at + i] as number;
  texts[entry] = bytes.toString('latin1', at, at + length);
  return entry;
}
