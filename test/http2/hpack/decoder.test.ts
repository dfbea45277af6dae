import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackError } from '../../../src/http2/hpack/hpack-error.ts';
import { rfcExamples } from './rfc-examples.ts';

const bytesOf = (...parts: readonly string[]) => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

const decoderOf = (maxListBytes = 16_384) => new HpackDecoder(4096, maxListBytes);

function decode(decoder: HpackDecoder, hex: string): string[] {
  const bytes = bytesOf(hex);
  return decoder.decode(bytes, 0, bytes.length).map(({ name, value }) => `${name}: ${value}`);
}

/** Reads the dynamic table by way of its indices, newest first, which changes nothing in it. */
function tableOf(decoder: HpackDecoder): string[] {
  const entries: string[] = [];
  for (let index = 62; ; index++) {
    try {
      entries.push(...decode(decoder, (0x80 | index).toString(16)));
    } catch {
      return entries;
    }
  }
}

/** A literal with incremental indexing: a name of one letter, and a value. */
const indexed = (name: string, value: string) =>
  `4001${Buffer.from(name).toString('hex')}${lengthHex(value.length)}${Buffer.from(value).toString('hex')}`;

function lengthHex(length: number): string {
  if (length < 0x7f) return length.toString(16).padStart(2, '0');
  const rest = length - 0x7f;
  return Buffer.from(rest < 128 ? [0x7f, rest] : [0x7f, (rest & 0x7f) | 0x80, rest >> 7]).toString('hex');
}

describe('HpackDecoder', () => {
  for (const { clause, tableBytes, blocks } of rfcExamples) {
    it(`decodes the example of RFC 7541 ${clause} and has its table after each block`, () => {
      const decoder = decoderOf();
      if (tableBytes === 256) decode(decoder, '3fe101');
      for (const { hex, fields, table } of blocks) {
        expect(decode(decoder, hex)).toEqual(fields);
        expect(tableOf(decoder)).toEqual(table);
        expect(decoder.isTooLarge).toBe(false);
      }
    });
  }

  it('decodes the given part of a plain Uint8Array', () => {
    const bytes = new Uint8Array(bytesOf('00 82 04 0e 2f73616d706c652f2f7061746858 86 00'));
    const fields = decoderOf().decode(bytes, 1, bytes.length - 1);
    expect(fields.map(({ value }) => value)).toEqual(['GET', '/sample//pathX', 'http']);
  });

  it('decodes values of every length, in octets and Huffman-coded', () => {
    for (let length = 0; length < 300; length++) {
      const text = 'abcdefghijklmnop\xe9'.repeat(20).slice(0, length);
      const hex = Buffer.from(text, 'latin1').toString('hex');
      expect(decode(decoderOf(), `04${lengthHex(length)}${hex}`)).toEqual([`:path: ${text}`]);
    }
  });

  it('decodes an empty block to no fields', () => {
    expect(decode(decoderOf(), '')).toEqual([]);
  });

  it('gives the same object for each reference to one entry', () => {
    const decoder = decoderOf();
    decode(decoder, indexed('a', 'b'));
    const [first, second] = decoder.decode(bytesOf('bebe'), 0, 2);
    expect(first).toBe(second);
  });

  it('marks never-indexed literals, and only those, as sensitive', () => {
    const bytes = bytesOf('10 01 61 01 62', '00 01 61 01 62', '40 01 61 01 62', '1f 00 01 62');
    const fields = decoderOf().decode(bytes, 0, bytes.length);
    expect(fields.map(({ isSensitive }) => isSensitive)).toEqual([true, false, false, true]);
  });

  it('reads integers of several octets (RFC 7541 C.1)', () => {
    const decoder = decoderOf();
    decode(decoder, '3f9a0a');
    decode(decoder, indexed('a', 'x'.repeat(1337 - 33)));
    expect(tableOf(decoder)).toHaveLength(1);
    decode(decoder, indexed('a', 'x'.repeat(1338 - 33)));
    expect(tableOf(decoder)).toHaveLength(0);
  });

  it('takes a name from an entry that is evicted by the new one', () => {
    const decoder = decoderOf();
    decode(decoder, `3f0f${indexed('n', '1234567')}`);
    expect(decode(decoder, '7e 07 61626364656667')).toEqual(['n: abcdefg']);
    expect(tableOf(decoder)).toEqual(['n: abcdefg']);
  });

  describe('with table size updates', () => {
    it('evicts at once and can be set to 0 and back', () => {
      const decoder = decoderOf();
      decode(decoder, indexed('a', '1') + indexed('b', '2'));
      expect(tableOf(decoder)).toEqual(['b: 2', 'a: 1']);
      decode(decoder, '3f03');
      expect(tableOf(decoder)).toEqual(['b: 2']);
      expect(decode(decoder, `20 3fe11f ${indexed('c', '3')} be`)).toEqual(['c: 3', 'c: 3']);
      expect(tableOf(decoder)).toEqual(['c: 3']);
    });

    it('takes sizes up to the one that was agreed', () => {
      const decoder = new HpackDecoder(100, 16_384);
      expect(decode(decoder, '3f45')).toEqual([]);
      expect(() => decode(decoder, '3f46')).toThrow(/above the size/);
      expect(() => decode(decoderOf(), '3fe21f')).toThrow(/above the size/);
      expect(decode(new HpackDecoder(8192, 16_384), '3fe13f')).toEqual([]);
    });

    it('starts with 4096 even when less was asked for, as the peer does', () => {
      const decoder = new HpackDecoder(0, 16_384);
      decode(decoder, indexed('a', '1'));
      expect(tableOf(decoder)).toEqual(['a: 1']);
    });

    it('rejects one after a field and a third one', () => {
      expect(() => decode(decoderOf(), '82 20')).toThrow(/not at the beginning/);
      expect(() => decode(decoderOf(), '20 3f45 82 3f45')).toThrow(/not at the beginning/);
      expect(() => decode(decoderOf(), '20 3f45 20')).toThrow(/more than two/);
    });
  });

  it.each([
    ['an index of 0', '80', /index is 0/],
    ['an index beyond an empty table', 'be', /beyond the end/],
    ['an index beyond the table', `${indexed('a', 'b')}bf`, /beyond the end/],
    ['an index of 2^28 - 1 beyond the table', 'ff80ffff7f', /beyond the end/],
    ['a name index beyond the table', '7f00 0161', /beyond the end/],
    ['a name index beyond the table, not indexed', '0f2f 0161', /beyond the end/],
    ['an integer of too many octets', 'ff8080808000', /too long/],
    ['an integer beyond 32 bits', 'ffffffffffffffffff7f', /too long/],
    ['an index that is cut off', 'ff', /inside an integer/],
    ['an index that is cut off after an octet', 'ff80', /inside an integer/],
    ['a size that is cut off', '3f', /inside an integer/],
    ['a literal without a name', '40', /inside a header field/],
    ['a literal without a value', '400161', /inside a header field/],
    ['a literal with a name index and without a value', '44', /inside a header field/],
    ['a name that is cut off', '40026 1', /inside a string/],
    ['a value that is cut off', '4403 6162', /inside a string/],
    ['a value whose length is cut off', '447f', /inside an integer/],
    ['a value longer than any block', '447fffffff7f', /inside a string/],
    ['a Huffman-coded value that is cut off', '4482 64', /inside a string/],
    ['a Huffman-coded value with wrong padding', '4481 06', /padded/],
    ['a Huffman-coded value with the end of string', '4484 ffffffff', /end-of-string/],
  ])('rejects %s', (_, hex, message) => {
    expect(() => decode(decoderOf(), hex)).toThrow(HpackError);
    expect(() => decode(decoderOf(), hex)).toThrow(message);
  });

  it('never reads beyond the end of its block', () => {
    const bytes = bytesOf('44 03 616263');
    for (let end = 1; end < bytes.length; end++) {
      expect(() => decoderOf().decode(bytes, 0, end)).toThrow(HpackError);
    }
  });

  describe('with a list that is too large', () => {
    it('keeps fields exactly up to the limit', () => {
      const decoder = decoderOf(3 * 34);
      expect(decode(decoder, `${indexed('a', '1')}bebe`)).toHaveLength(3);
      expect(decoder.isTooLarge).toBe(false);
      expect(decode(decoder, 'bebebebe')).toHaveLength(3);
      expect(decoder.isTooLarge).toBe(true);
      expect(decode(decoder, 'be')).toHaveLength(1);
      expect(decoder.isTooLarge).toBe(false);
    });

    it('keeps no field after the first that was dropped', () => {
      const decoder = decoderOf(100);
      expect(decode(decoder, `${indexed('a', '1')}${indexed('b', 'x'.repeat(100))}${indexed('c', '3')}`)).toEqual([
        'a: 1',
      ]);
      expect(decoder.isTooLarge).toBe(true);
    });

    it('still brings its table up to date', () => {
      const decoder = decoderOf(40);
      decode(decoder, indexed('a', '1') + indexed('b', '2') + indexed('c', '3'));
      expect(tableOf(decoder)).toEqual(['c: 3', 'b: 2', 'a: 1']);
    });

    it('does not let a bomb of references to a large entry build a large list', () => {
      const decoder = decoderOf(16_384);
      const bomb = Buffer.concat([bytesOf(indexed('a', 'x'.repeat(4000))), Buffer.alloc(1_000_000, 0xbe)]);
      const fields = decoder.decode(bomb, 0, bomb.length);
      expect(fields).toHaveLength(4);
      expect(decoder.isTooLarge).toBe(true);
    });
  });
});
