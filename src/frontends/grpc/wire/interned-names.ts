/**
 * Names of models, tensors and datatypes repeat with every request. To compare their bytes with a cached string is
 * several times cheaper than to make a new one. Equal names are then the same object with its hash computed, which
 * makes later look-ups in maps faster. The number of short strings is fixed, so clients can evict entries but not grow
 * the cache.
 */

const slotCount = 1024;
const maxNameBytes = 64;

const slots: string[] = new Array(slotCount).fill('');

/** The string of these bytes, or null when they are too long or not ASCII. The caller has checked the bounds. */
export function internedAscii(bytes: Uint8Array, at: number, length: number): string | null {
  if (length === 0) return '';
  if (length > maxNameBytes) return null;
  const first = bytes[at] as number;
  const last = bytes[at + length - 1] as number;
  const middle = bytes[at + (length >> 1)] as number;
  const slot = (length * 131 + first * 31 + middle * 17 + last * 7) & (slotCount - 1);
  const known = slots[slot] as string;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[at + i]) i++;
    if (i === length) return known;
  }
  return remember(slot, bytes, at, length);
}

function remember(slot: number, bytes: Uint8Array, at: number, length: number): string | null {
  let text = '';
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i] as number;
    if (byte >= 0x80) return null;
    text += String.fromCharCode(byte);
  }
  slots[slot] = text;
  return text;
}
