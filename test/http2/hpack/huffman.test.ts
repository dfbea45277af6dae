import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackError } from '../../../src/http2/hpack/hpack-error.ts';
import { huffmanDecode, huffmanEncode, huffmanSize } from '../../../src/http2/hpack/huffman.ts';

const decode = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  return huffmanDecode(bytes, 0, bytes.length);
};

const encode = (text: string): Buffer => {
  const bytes = Buffer.alloc(huffmanSize(text));
  expect(huffmanEncode(text, bytes, 0)).toBe(bytes.length);
  return bytes;
};

const latin1 = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('the Huffman code', () => {
  // RFC 7541 C.4, C.6.
  const examples = [
    ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
    ['no-cache', 'a8eb10649cbf'],
    ['custom-key', '25a849e95ba97d7f'],
    ['custom-value', '25a849e95bb8e8b4bf'],
    ['302', '6402'],
    ['private', 'aec3771a4b'],
    ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
    ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
    ['', ''],
  ] as const;

  it.each(examples)('turns %j into %s and back', (text, hex) => {
    expect(encode(text).toString('hex')).toBe(hex);
    expect(decode(hex)).toBe(text);
  });

  it('is undone by decoding, for every octet and text', () => {
    for (let code = 0; code < 256; code++) {
      const text = String.fromCharCode(code);
      for (const each of [text, text + text, `a${text}`, `${text}~`]) {
        const bytes = encode(each);
        expect(huffmanDecode(bytes, 0, bytes.length)).toBe(each);
      }
    }
    fc.assert(
      fc.property(latin1, (text) => {
        const bytes = encode(text);
        expect(huffmanDecode(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  it('decodes texts longer than its scratch buffer', () => {
    for (const text of ['e'.repeat(4096), 'e'.repeat(4097), `${'0aZ\xfe~'.repeat(3000)}`]) {
      const bytes = encode(text);
      expect(huffmanDecode(bytes, 0, bytes.length)).toBe(text);
    }
  });

  it('reads and writes only the given part', () => {
    const bytes = Buffer.alloc(10, 0xaa);
    const end = huffmanEncode('302', bytes, 3);
    expect(bytes.toString('hex')).toBe('aaaaaa6402aaaaaaaaaa');
    expect(huffmanDecode(new Uint8Array(bytes), 3, end)).toBe('302');
  });

  it('decodes from a plain Uint8Array', () => {
    const bytes = new Uint8Array(encode('a text of more than twelve letters'));
    expect(huffmanDecode(bytes, 0, bytes.length)).toBe('a text of more than twelve letters');
  });

  it('takes padding of up to seven ones', () => {
    // 'o' has five bits, '0' too: '0' and three ones, and eight of them without padding.
    expect(decode('07')).toBe('0');
    expect(decode('0000000000')).toBe('00000000');
    // '&' is 11111000: no padding; 'X' is 11111100.
    expect(decode('f8')).toBe('&');
    // 'a' of five and 'A' of six bits leave five: 00011 100001 11111.
    expect(decode('1c3f')).toBe('aA');
  });

  it.each(['ff', '07ff', 'f8ff', 'ffff', 'ffffff'])('rejects padding of more than seven bits: %s', (hex) => {
    expect(() => decode(hex)).toThrow(HpackError);
    expect(() => decode(hex)).toThrow(/padded/);
  });

  it.each(['06', '00', '03', 'f1e3c2e5f23a6ba0ab90f4fe'])('rejects padding not of ones: %s', (hex) => {
    expect(() => decode(hex)).toThrow(/padded/);
  });

  it.each(['ffffffff', 'fffffffc', '07fffffffe', 'fffffffd00'])('rejects an encoded end of string: %s', (hex) => {
    expect(() => decode(hex)).toThrow(HpackError);
    expect(() => decode(hex)).toThrow(/end-of-string/);
  });

  it('rejects a code that is cut off', () => {
    const whole = encode('\x01');
    expect(() => huffmanDecode(whole, 0, whole.length - 1)).toThrow(/padded/);
  });
});
