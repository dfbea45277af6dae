/**
 * The strings of the last request, by their place in it. A client that repeats a request repeats most of its strings in
 * the same order, and to see that a string is the expected one takes a third of what finding it takes.
 */

import { internedText, isInternedAt } from '../../interned-strings.ts';

/** Strings after so many are not remembered. */
const rememberedCount = 64;

const quote = 0x22;

/** Entries of the interned strings; all requests of this thread share them. */
const entries = new Uint16Array(rememberedCount);

/**
 * The string that begins at `start`, behind its quotation mark, if it is the one that was expected; else null.
 *
 * @param place of the string among those of its request.
 */
export function expectedString(bytes: Uint8Array, start: number, place: number): string | null {
  if (place >= rememberedCount) return null;
  const entry = entries[place] as number;
  return isInternedAt(entry, bytes, start, quote) ? internedText(entry) : null;
}

/** The next request is expected to have that string there. */
export function expectString(place: number, entry: number): void {
  if (place < rememberedCount) entries[place] = entry;
}
