/**
 * HPACK's Huffman code (RFC 7541, appendix B). The code is canonical: codes of one length follow each other in the order of
 * their symbols, so the lengths alone say it all.
 */

const endOfString = 256;

/** Length in bits of the code of each symbol from 0 to 255, then of the end of the string. */
const codeLengths: readonly number[] = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28],
  [28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15],
  [6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23],
  [22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23],
  [20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27],
  [27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30],
].flat();

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
