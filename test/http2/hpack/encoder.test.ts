import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderField, type HeaderIndexing } from '../../../src/http2/header-field.ts';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';

const repeated = (name: string, value: string) => new HeaderField(name, value, false, 'incremental');

function encode(encoder: HpackEncoder, ...fields: readonly HeaderField[]): string {
  const target = Buffer.alloc(HpackEncoder.maxBytes(fields));
  return target.subarray(0, encoder.encode(fields, target, 0)).toString('hex');
}

/** Both ends of one direction: encodes, decodes, and compares. Returns the block. */
function pair(maxListBytes = 1 << 20) {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, maxListBytes);
  const send = (...fields: readonly HeaderField[]): string => {
    const hex = encode(encoder, ...fields);
    const bytes = Buffer.from(hex, 'hex');
    const received = decoder.decode(bytes, 0, bytes.length);
    const plain = ({ name, value, isSensitive }: HeaderField) => ({ name, value, isSensitive });
    expect(received.map(plain)).toEqual(fields.map(plain));
    return hex;
  };
  return { encoder, send };
}

describe('HpackEncoder', () => {
  it('encodes fields of the static table as one octet', () => {
    const fields = [repeated(':status', '200'), new HeaderField(':status', '500'), repeated('accept', '')];
    expect(encode(new HpackEncoder(), ...fields)).toBe('888e93');
  });

  it('encodes a repeated field as a literal once and as one octet from then on', () => {
    const encoder = new HpackEncoder();
    const field = repeated('custom-key', 'custom-value');
    expect(encode(encoder, field)).toBe('408825a849e95ba97d7f8925a849e95bb8e8b4bf');
    expect(encode(encoder, field, field)).toBe('bebe');
    expect(encode(encoder, repeated('grpc-status', '0'), field)).toMatch(/^40.*bf$/);
  });

  it('encodes a list of fields anew when the table has changed since the last time', () => {
    const encoder = new HpackEncoder();
    const head = [repeated(':status', '200'), repeated('a', '1'.repeat(12))];
    const end = [repeated('b', '2'.repeat(12))];
    encoder.setMaxTableBytes(100);
    // The same lists each time, as a server has them, in memory that is used again.
    const target = Buffer.alloc(200);
    const decoder = new HpackDecoder(4096, 1 << 20);
    const sent = (list: readonly HeaderField[]): string => {
      const bound = encoder.boundOf(list);
      const to = encoder.encode(list, target, 3);
      expect(to - 3).toBeLessThanOrEqual(bound);
      expect(decoder.decode(target, 3, to).map(({ value }) => value)).toEqual(list.map(({ value }) => value));
      const hex = target.subarray(3, to).toString('hex');
      target.fill(0);
      return hex;
    };
    expect([sent(head), sent(end)].map((hex) => hex.length > 8)).toEqual([true, true]);
    expect([sent(head), sent(end), sent(head), sent(end)]).toEqual(['88bf', 'be', '88bf', 'be']);
    // Evicts the field of the head.
    sent([repeated('c', '3'.repeat(12))]);
    expect(sent(head).length).toBeGreaterThan(8);
    expect(sent(head)).toBe('88be');
    expect(sent(end).length).toBeGreaterThan(8);
    encoder.setMaxTableBytes(0);
    expect(sent(head)).toMatch(/^2088/);
  });

  it('takes names from the static table', () => {
    expect(encode(new HpackEncoder(), repeated(':status', '302'))).toBe('48826402');
    expect(encode(new HpackEncoder(), new HeaderField(':status', '302'))).toBe('08826402');
    expect(encode(new HpackEncoder(), new HeaderField(':status', '302', true))).toBe('18826402');
    expect(encode(new HpackEncoder(), new HeaderField('www-authenticate', 'X'))).toBe('0f2e0158');
  });

  it('leaves strings as they are that the Huffman code would not shorten', () => {
    expect(encode(new HpackEncoder(), new HeaderField('\x01', '\xff{'))).toBe('00010102ff7b');
    expect(encode(new HpackEncoder(), new HeaderField('x', ''))).toBe('00017800');
  });

  it('keeps no field that is not marked as repeated', () => {
    const encoder = new HpackEncoder();
    const field = new HeaderField('a', 'b');
    expect(encode(encoder, field)).toBe('0001610162');
    expect(encode(encoder, field)).toBe('0001610162');
  });

  it('never indexes a sensitive field, not even one of the static table', () => {
    const { send } = pair();
    const field = new HeaderField(':status', '200', true, 'incremental');
    expect(send(field)).toBe('18821001');
    expect(send(field)).toBe('18821001');
  });

  it('encodes evicted fields anew', () => {
    const { encoder, send } = pair();
    encoder.setMaxTableBytes(100);
    const [a, b, c] = [repeated('a', '1'.repeat(12)), repeated('b', '2'.repeat(12)), repeated('c', '3'.repeat(12))];
    send(a, b);
    expect(send(a, b)).toBe('bfbe');
    expect(send(c)).toMatch(/^40/);
    expect(send(b)).toBe('bf');
    expect(send(a)).toMatch(/^40/);
    expect(send(c, a)).toBe('bfbe');
    expect(send(b)).toMatch(/^40/);
  });

  it('encodes a field that does not fit the table without indexing, and evicts nothing for it', () => {
    const { send } = pair();
    const small = repeated('a', 'b');
    const large = repeated('a', 'x'.repeat(5000));
    send(small);
    expect(send(large, small)).toMatch(/^00.*be$/);
  });

  it('writes from the position that it is given and returns the end', () => {
    const target = Buffer.alloc(4, 0xaa);
    expect(new HpackEncoder().encode([repeated(':status', '200')], target, 2)).toBe(3);
    expect(target.toString('hex')).toBe('aaaa88aa');
  });

  it('throws when its block has no room', () => {
    expect(() => new HpackEncoder().encode([repeated('a', 'bcdef')], Buffer.alloc(4), 0)).toThrow(RangeError);
  });

  describe('when the peer changes the size of the table', () => {
    const ok = repeated(':status', '200');

    it('announces nothing while the size stays the one in use', () => {
      const encoder = new HpackEncoder();
      expect(encode(encoder, ok)).toBe('88');
      encoder.setMaxTableBytes(4096);
      encoder.setMaxTableBytes(65_536);
      encoder.setMaxTableBytes(2 ** 32 - 1);
      expect(encode(encoder, ok)).toBe('88');
    });

    it('announces a new size once, at the beginning of the next block', () => {
      const encoder = new HpackEncoder();
      encoder.setMaxTableBytes(1337);
      expect(encode(encoder, ok)).toBe('3f9a0a88');
      expect(encode(encoder, ok)).toBe('88');
      encoder.setMaxTableBytes(10);
      expect(encode(encoder)).toBe('2a');
      encoder.setMaxTableBytes(1 << 20);
      expect(encode(encoder, ok)).toBe('3fe11f88');
    });

    it('announces the smallest size and the final one when there were several', () => {
      const encoder = new HpackEncoder();
      for (const bytes of [500, 0, 30, 4096]) encoder.setMaxTableBytes(bytes);
      expect(encode(encoder, ok)).toBe('203fe11f88');
      for (const bytes of [500, 20, 10]) encoder.setMaxTableBytes(bytes);
      expect(encode(encoder, ok)).toBe('2a88');
      for (const bytes of [20, 30]) encoder.setMaxTableBytes(bytes);
      expect(encode(encoder, ok)).toBe('3e88');
    });

    it('evicts by the smallest size, and indexes nothing at size 0', () => {
      const { encoder, send } = pair();
      const field = repeated('a', 'b');
      send(field);
      encoder.setMaxTableBytes(0);
      encoder.setMaxTableBytes(4096);
      expect(send(field)).toBe('203fe11f4001610162');
      expect(send(field)).toBe('be');
      encoder.setMaxTableBytes(0);
      expect(send(field)).toBe('200001610162');
      expect(send(field)).toBe('0001610162');
    });
  });

  it('is reversed by the decoder, for any fields and any changes of the table', () => {
    const text = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const name = fc.oneof(fc.constantFrom(':status', 'content-type', 'grpc-status', 'vary'), text);
    const value = fc.oneof(
      fc.constantFrom('200', '0', ''),
      text,
      fc.integer({ min: 100, max: 5000 }).map((n) => 'é'.repeat(n)),
    );
    const indexing = fc.constantFrom<HeaderIndexing>('incremental', 'incremental', 'none', 'never');
    const field = fc.tuple(name, value, indexing).map(([n, v, how]) => new HeaderField(n, v, how === 'never', how));
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.array(fc.nat(19), { maxLength: 12 }) },
      { weight: 1, arbitrary: fc.oneof(fc.nat(300), fc.nat(6000)) },
    );
    const pool = fc.array(field, { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(pool, fc.array(step, { maxLength: 30 }), (fields, steps) => {
        const { encoder, send } = pair();
        for (const each of steps) {
          if (typeof each === 'number') encoder.setMaxTableBytes(each);
          else send(...each.map((i) => fields[i]!));
        }
      }),
      { numRuns: 60 },
    );
  });
});
