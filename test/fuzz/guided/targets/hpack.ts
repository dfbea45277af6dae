/**
 * Header blocks of one connection, each behind a byte that is its length. What was read is written by our encoder and read
 * again, and must be the same.
 */

import { HeaderField } from '../../../../src/http2/header-field.ts';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../../src/http2/hpack/encoder.ts';
import { HpackError } from '../../../../src/http2/hpack/hpack-error.ts';
import { huffmanDecode, huffmanEncode, huffmanSize } from '../../../../src/http2/hpack/huffman.ts';
import { rfcExamples } from '../../../http2/hpack/rfc-examples.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';

const maxListBytes = 600;

function run(input: Buffer): void {
  if (input.length === 0) return;
  const first = input[0];
  const decoder = new HpackDecoder(first < 128 ? first * 8 : 4096, maxListBytes);
  const encoder = new HpackEncoder();
  const again = new HpackDecoder(4096, 1 << 20);
  for (let at = 1; at < input.length; ) {
    const end = Math.min(input.length, at + 1 + input[at]);
    let fields: HeaderField[];
    try {
      fields = decoder.decode(input, at + 1, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      must(error.message.length < 100, 'a long message');
      return;
    }
    let listBytes = 0;
    for (const { name, value, sizeBytes } of fields) {
      must(sizeBytes === name.length + value.length + 32, 'a field of another size');
      listBytes += sizeBytes;
      checkHuffman(value);
    }
    must(listBytes <= maxListBytes, 'a list beyond its limit');
    encoder.setMaxTableBytes((first & 3) === 0 ? (end - at) * 16 : 4096);
    checkRound(fields, encoder, again, first);
    at = end;
  }
}

function checkRound(read: readonly HeaderField[], encoder: HpackEncoder, again: HpackDecoder, way: number): void {
  const fields = read.map(({ name, value, isSensitive }, i) => {
    return new HeaderField(name, value, isSensitive, ((way >> 2) + i) % 2 === 0 ? 'incremental' : 'none');
  });
  const target = Buffer.alloc(HpackEncoder.maxBytes(fields));
  const twice = [...fields, ...fields];
  const target2 = Buffer.alloc(HpackEncoder.maxBytes(twice));
  const bytes = target.subarray(0, encoder.encode(fields, target, 0));
  mustBeSame(plain(again.decode(bytes, 0, bytes.length)), plain(fields), 'encoded and decoded');
  const bytes2 = target2.subarray(0, encoder.encode(twice, target2, 0));
  mustBeSame(plain(again.decode(bytes2, 0, bytes2.length)), plain(twice), 'encoded and decoded again');
}

function checkHuffman(text: string): void {
  const size = huffmanSize(text);
  const coded = Buffer.alloc(size);
  must(huffmanEncode(text, coded, 0) === size, 'a Huffman code of another size');
  must(huffmanDecode(coded, 0, size) === text, 'a Huffman code of another text');
}

const plain = (fields: readonly HeaderField[]): string[] =>
  fields.map(({ name, value, isSensitive }) => `${name}: ${value} ${isSensitive}`);

const block = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(bytes.length), bytes]);
const examples = rfcExamples.flatMap(({ blocks }) => {
  const parts = blocks.map(({ hex }) => Buffer.from(hex, 'hex'));
  return [0, 32, 255].map((first) => Buffer.concat([Buffer.of(first), ...parts.map(block)]));
});

export const target: FuzzTarget = {
  seeds: examples,
  words: [
    ...[Buffer.of(0x20), Buffer.of(0x3f, 0xe1, 0x1f), Buffer.of(0x3f, 0x00), Buffer.of(0x7f, 0x00), Buffer.of(0xbe)],
    ...[Buffer.of(0xff, 0x80, 0x80, 0x80, 0x00), Buffer.of(0x40, 0x01, 0x61, 0x01, 0x62), Buffer.of(0x82, 0x86, 0x84)],
    ...[Buffer.of(0x10, 0x82, 0x94, 0xe7), Buffer.of(0x00, 0x80, 0x80), Buffer.of(0x0f, 0x2f, 0x81, 0x07)],
    ...[Buffer.of(0x84, 0xff, 0xff, 0xff, 0xff), Buffer.of(0x7f, 0x9f, 0x01)],
  ],
  maxBytes: 1024,
  run,
};
