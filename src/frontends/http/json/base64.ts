/** Strict base64 (RFC 4648 §4): Node's own decoder skips unknown characters. */

const alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes, or null for text that is not padded base64. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !alphabet.test(text)) return null;
  return Buffer.from(text, 'base64');
}
