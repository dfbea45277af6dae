/** Member names and tensor names repeat from request to request: short ASCII strings are kept in a small table. */

/** The longest string that is kept. */
export const cachedLength = 32;

const cachedStrings: string[] = new Array<string>(512).fill('');

/**
 * The string of the ASCII bytes in `[start, end)`, the same object as the last time where the table still has it.
 *
 * @param hash of the bytes, which chooses the place in the table
 */
export function cachedString(bytes: Buffer, start: number, end: number, hash: number): string {
  const slot = hash & (cachedStrings.length - 1);
  const cached = cachedStrings[slot] as string;
  if (cached.length === end - start) {
    let i = 0;
    while (i < cached.length && cached.charCodeAt(i) === bytes[start + i]) i++;
    if (i === cached.length) return cached;
  }
  const text = bytes.toString('latin1', start, end);
  cachedStrings[slot] = text;
  return text;
}
