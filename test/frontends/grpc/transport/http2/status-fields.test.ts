import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { statusMessage } from '../../../../../src/frontends/grpc/transport/status.ts';
import {
  headOf,
  httpStatusFields,
  trailersOf,
  trailersOnly,
} from '../../../../../src/frontends/grpc/transport/http2/status-fields.ts';
import type { HeaderField } from '../../../../../src/http2/header-field.ts';

const plain = (fields: readonly HeaderField[]) => fields.map(({ name, value }) => `${name}: ${value}`);
const encoded = (message: string) => trailersOf({ code: 13, message })[1].value;

describe('grpc-message', () => {
  it('is reversed by decodeURIComponent for any text, and is a valid field', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.string({
        unit: fc.constantFrom(' ', '%', 'é', '%20', '\n', '\0', '\u{1f600}', '\ud800', 'a', '+', '~', '\x7f'),
      }),
    );
    fc.assert(
      fc.property(text, (message) => {
        const [, field] = trailersOf({ code: 13, message });
        expect(field.fault).toBeNull();
        expect(field.value).toMatch(/^[ -~]*$/);
        expect(decodeURIComponent(field.value)).toBe(statusMessage(message));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['plain text, as it is: (a) "b" <c> ~', 'plain text, as it is: (a) "b" <c> ~'],
    ['50% of it', '50%25 of it'],
    ['größer als 5', 'gr%C3%B6%C3%9Fer als 5'],
    ['two\nlines', 'two%0Alines'],
    [' at the ends ', '%20at%20the%20ends%20'],
    ['', ''],
  ])('of %j is %j', (message, value) => {
    expect(encoded(message)).toBe(value);
  });

  it('is cut where clients would refuse the block, counted as it travels', () => {
    for (const message of ['a'.repeat(20_000), '\u{1f600}'.repeat(5000), '%'.repeat(9000)]) {
      const value = encoded(message);
      expect(value.length).toBeLessThanOrEqual(6144);
      expect(decodeURIComponent(value)).toMatch(/…$/u);
    }
  });
});

describe('the fields of an answer', () => {
  it('are head and trailers, or both at once', () => {
    const head = [':status: 200', 'content-type: application/grpc', 'grpc-accept-encoding: identity,deflate,gzip'];
    expect(plain(headOf(null))).toEqual(head);
    expect(plain(headOf('gzip'))).toEqual([...head, 'grpc-encoding: gzip']);
    expect(plain(headOf('deflate'))).toEqual([...head, 'grpc-encoding: deflate']);
    expect(plain(trailersOf({ code: 0, message: 'OK' }))).toEqual(['grpc-status: 0']);
    expect(plain(trailersOnly({ code: 5, message: 'no' }))).toEqual([...head, 'grpc-status: 5', 'grpc-message: no']);
    expect(plain(httpStatusFields(415))).toEqual([':status: 415']);
  });

  it('that are sent again and again are the same objects, which HPACK finds by identity', () => {
    expect(headOf('gzip')).toBe(headOf('gzip'));
    for (let code = 0; code <= 16; code++) {
      const [field] = trailersOf({ code, message: 'a' });
      expect(field.value).toBe(String(code));
      expect(field.indexing).toBe('incremental');
      expect(trailersOf({ code, message: 'b' })[0]).toBe(field);
    }
  });
});
