/**
 * Converts strings to Huffman-coded octets and back (RFC 7541 5.2). Decoding is a state machine that takes an octet per
 * step: the state is the node of the code's tree at which the octet before ended, of which there are 256, so the whole
 * table is 64 Ki transitions of four octets, built in a few milliseconds when the module is loaded.
 */

import { HpackError } from './hpack-error.ts';
import { codeLengths, codes, endOfString } from './huffman-code.ts';
import { latin1Text } from './latin1.ts';

/** A transition: next node in bits 0–7, symbols that the octet completes in 8–15 and 16–23, how many (0–2) in 24–25. */
const countShift = 24;
/** In place of a transition: the octet completes the code of the end of the string. */
const failure = 1 << 26;

const nodeCount = 256;
/**
 * Children of node n at 2n (bit 0) and 2n + 1 (bit 1): an inner node, or the complement of a symbol. Node 0 is the
 * root.
 */
const children = codeTree();
const transitions = new Uint32Array(nodeCount * 256);
for (let node = 0; node < nodeCount; node++) fillTransitions(node * 256, 0, node, 0);
/** 1 for nodes at which a string may end: the root, and up to seven ones below it. */
const isEnd = endNodes();

/** Codes are of five bits and more, so a string is at most 8/5 as long as its octets. */
const growth = 1.6;
/** Shared by all decoding, which never interleaves; longer strings get a buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(4096);

/**
 * The text in the octets from `start` to before `end`, as latin1.
 *
 * Throws HpackError where RFC 7541 5.2 tells to: padding of more than seven bits or not of ones, an encoded end of
 * string.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string {
  const most = Math.ceil((end - start) * growth);
  const text = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const transition = transitions[(node << 8) | (bytes[at] as number)] as number;
    if (transition >= 1 << countShift) {
      if (transition === failure) throw new HpackError('a Huffman-coded string holds the end-of-string symbol');
      text[length++] = (transition >>> 8) & 0xff;
      if (transition >= 2 << countShift) text[length++] = (transition >>> 16) & 0xff;
    }
    node = transition & 0xff;
  }
  if (isEnd[node] !== 1) throw new HpackError('a Huffman-coded string is not padded with up to seven ones');
  return latin1Text(text, 0, length);
}

/** Octets that `huffmanEncode` writes for a latin1 text. */
export function huffmanSize(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i) & 0xff] as number;
  return Math.ceil(bits / 8);
}

/** Writes a latin1 text to `target`, which has room for `huffmanSize` octets from `at` on. Returns where they end. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let pending = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let length = codeLengths[symbol] as number;
    let code = codes[symbol] as number;
    // With the up to seven bits left over from before, a longer code would not fit the 32 bits that are pending.
    if (length > 24) {
      pending = (pending << (length - 16)) | (code >>> 16);
      bits += length - 16;
      for (; bits >= 8; target[at++] = pending >>> bits) bits -= 8;
      code &= 0xffff;
      length = 16;
    }
    pending = (pending << length) | code;
    bits += length;
    for (; bits >= 8; target[at++] = pending >>> bits) bits -= 8;
  }
  if (bits > 0) target[at++] = (pending << (8 - bits)) | (0xff >>> bits);
  return at;
}

function codeTree(): Int16Array {
  const tree = new Int16Array(nodeCount * 2);
  let nodes = 1;
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const code = codes[symbol] as number;
    let node = 0;
    for (let bit = (codeLengths[symbol] as number) - 1; bit > 0; bit--) {
      const child = node * 2 + ((code >>> bit) & 1);
      if (tree[child] === 0) tree[child] = nodes++;
      node = tree[child] as number;
    }
    tree[node * 2 + (code & 1)] = ~symbol;
  }
  return tree;
}

/**
 * Walks all octets below a state at once, bit by bit.
 *
 * @param at The place in `transitions` of the first octet with the bits walked so far.
 * @param emitted The part of the transition that says what those bits completed.
 */
function fillTransitions(at: number, depth: number, node: number, emitted: number): void {
  if (depth === 8) {
    transitions[at] = emitted | node;
    return;
  }
  for (let bit = 0; bit <= 1; bit++) {
    const below = at + (bit << (7 - depth));
    const child = children[node * 2 + bit] as number;
    if (child >= 0) fillTransitions(below, depth + 1, child, emitted);
    else if (~child === endOfString) transitions.fill(failure, below, below + (1 << (7 - depth)));
    else {
      const count = emitted >>> countShift;
      fillTransitions(below, depth + 1, 0, (emitted | (~child << (8 + 8 * count))) + (1 << countShift));
    }
  }
}

function endNodes(): Uint8Array {
  const ends = new Uint8Array(nodeCount);
  let node = 0;
  for (let ones = 0; ones <= 7; ones++) {
    ends[node] = 1;
    node = children[node * 2 + 1] as number;
  }
  return ends;
}
