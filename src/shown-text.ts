/**
 * How messages show text from outside: names and values of a request, a configuration, a model file. Errors travel in
 * headers and log lines, so a message must not grow with what was sent. Every message that repeats such a text does it
 * through one of these functions.
 */

/** UTF-16 units of one text. A longer one is truncated, because its beginning is enough to find it. */
const maxShown = 256;

/** The text as messages show it: when it is longer than `most`, its beginning, without half a surrogate pair. */
export function shownText(text: string, most = maxShown): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return `${text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most)}…`;
}

/** The same in quotation marks, with control characters made visible. */
export function quoted(text: string): string {
  let shown = '';
  for (const character of shownText(text)) {
    const code = character.codePointAt(0) as number;
    shown += code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }
  return `'${shown}'`;
}
