/**
 * HPACK's Huffman code (RFC 7541, appendix B). The code is canonical: codes of one length follow each other in the order of
 * their symbols, so the lengths alone say it all.
 */

import { codeLengths, endOfString } from '../../src/http2/hpack/huffman-code.ts';

const longest = 30;

/** Per length: the first code, how many codes there are, and where their symbols begin in `symbols`. */
const firstCode = new Uint32Array(longest + 1);
const codeCount = new Uint32Array(longest + 1);
const symbolStart = new Uint32Array(longest + 1);
const symbols = new Uint16Array(endOfString + 1);

let code = 0;
let placed = 0;
for (let length = 1; length <= longest; length += 1) {
  code *= 2;
  firstCode[length] = code;
  symbolStart[length] = placed;
  for (let symbol = 0; symbol <= endOfString; symbol += 1) {
    if (codeLengths[symbol] === length) symbols[placed++] = symbol;
  }
  codeCount[length] = placed - symbolStart[length];
  code += codeCount[length];
}

/** The text that `bytes` encode. Throws on padding longer than seven bits and on an encoded end of the string. */
export function decodeHuffman(bytes: Uint8Array): string {
  const text: number[] = [];
  let value = 0;
  let length = 0;
  let isPadding = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const one = (byte >> bit) & 1;
      value = value * 2 + one;
      length += 1;
      if (one === 0) isPadding = false;
      if (length > longest) throw new Error('HPACK: a Huffman code that does not exist');
      const index = value - firstCode[length];
      if (index < 0 || index >= codeCount[length]) continue;
      const symbol = symbols[symbolStart[length] + index];
      if (symbol === endOfString) throw new Error('HPACK: an encoded end of the string');
      text.push(symbol);
      value = 0;
      length = 0;
      isPadding = true;
    }
  }
  if (length > 7 || !isPadding) throw new Error('HPACK: a Huffman string that is not padded with up to seven ones');
  return String.fromCharCode(...text);
}
