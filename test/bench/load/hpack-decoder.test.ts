import { describe, expect, it } from 'vitest';

import { HpackDecoder } from '../../../bench/load/hpack-decoder.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const decode = (decoder: HpackDecoder, text: string): string[] =>
  decoder.decode(hex(text)).map(({ name, value }) => `${name}: ${value}`);

describe('HpackDecoder', () => {
  it('decodes the responses of RFC 7541 C.6, which fill and evict a table of 256 bytes', () => {
    const decoder = new HpackDecoder();
    // 3f e1 01 sets the table to 256 bytes, which the RFC's example takes from SETTINGS.
    const first =
      '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3';
    expect(decode(decoder, first)).toEqual([
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
    expect(decode(decoder, '4883 640e ffc1 c0bf')).toEqual([
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
  });

  it('decodes a grpc-status that is a literal of a Huffman name and a plain value', () => {
    expect(decode(new HpackDecoder(), '4088 9aca c8b2 1234 da8f 0130')).toEqual(['grpc-status: 0']);
  });

  it('decodes plain strings longer than a one-byte length', () => {
    const value = 'x'.repeat(300);
    const block = Buffer.concat([hex('0001 61 7f ad01'), Buffer.from(value)]);
    expect(new HpackDecoder().decode(block)).toEqual([{ name: 'a', value }]);
  });

  it.each([
    ['an index that is in no table', 'be'],
    ['a block that ends inside a string', '0001 61 05 78'],
    ['a block that ends inside an integer', 'ff'],
    ['a Huffman string padded with zeros', '0001 61 81 00'],
    ['an integer without end', 'ff ffff ffff ffff ffff'],
  ])('refuses %s', (_, block) => {
    expect(() => new HpackDecoder().decode(hex(block))).toThrow('HPACK');
  });
});
