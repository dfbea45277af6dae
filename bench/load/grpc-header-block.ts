/**
 * The header block of a unary call, as usual clients send it: the first request of a connection puts its fields into the
 * server's HPACK table, every later one refers to them with one byte each.
 */

import { modelInferPath } from './grpc-infer.ts';

const indexedPost = 0x83;
const indexedSchemeHttp = 0x86;
const pathName = 4;
const authorityName = 1;
const contentTypeName = 31;
const userAgentName = 58;
const firstDynamicIndex = 62;

/** A string of fewer than 127 bytes, not Huffman-coded. */
const literalString = (text: string): Buffer =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);

/** A prefix integer; every index here fits the prefix or needs one more byte. */
const index = (pattern: number, prefixBits: number, value: number): Buffer => {
  const limit = (1 << prefixBits) - 1;
  return value < limit ? Buffer.from([pattern | value]) : Buffer.from([pattern | limit, value - limit]);
};

export interface HeaderBlocks {
  readonly first: Buffer;
  readonly later: Buffer;
}

/** `canIndex` is false where the server's table is smaller than the usual 4096 bytes: then every block is spelt out. */
export function headerBlocks(authority: string, canIndex: boolean): HeaderBlocks {
  const fields: readonly (readonly [nameIndex: number, name: string, value: string])[] = [
    [pathName, ':path', modelInferPath],
    [authorityName, ':authority', authority],
    [0, 'te', 'trailers'],
    [contentTypeName, 'content-type', 'application/grpc'],
    [userAgentName, 'user-agent', 'nereid-bench'],
  ];
  const spell = (pattern: number, prefixBits: number): Buffer[] =>
    fields.map(([nameIndex, name, value]) =>
      Buffer.concat([
        index(pattern, prefixBits, nameIndex),
        ...(nameIndex === 0 ? [literalString(name)] : []),
        literalString(value),
      ]),
    );
  const pseudo = Buffer.from([indexedPost, indexedSchemeHttp]);
  if (!canIndex) {
    const block = Buffer.concat([pseudo, ...spell(0x00, 4)]);
    return { first: block, later: block };
  }
  const newestFirst = fields.map((_, i) => index(0x80, 7, firstDynamicIndex + fields.length - 1 - i));
  return { first: Buffer.concat([pseudo, ...spell(0x40, 6)]), later: Buffer.concat([pseudo, ...newestFirst]) };
}
