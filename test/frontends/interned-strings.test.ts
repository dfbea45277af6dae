import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { internedAscii, internedEntry, internedText, isInternedAt } from '../../src/frontends/interned-strings.ts';
import { JsonReader } from '../../src/frontends/http/json/reader.ts';

const quote = 0x22;

describe('internedAscii', () => {
  it('gives the string of any plain bytes, and null for others', () => {
    const plain = fc.uint8Array({ min: 1, max: 0x7f, maxLength: 64 });
    fc.assert(
      fc.property(plain, plain, (before, bytes) => {
        const all = Buffer.concat([before, bytes, Buffer.from([0xff])]);
        const text = internedAscii(all, before.length, bytes.length);
        expect(text).toBe(Buffer.from(bytes).toString('latin1'));
        expect(internedAscii(all, before.length, bytes.length + 1)).toBeNull();
      }),
    );
    expect(internedAscii(Buffer.alloc(65, 'a'), 0, 65)).toBeNull();
  });

  it('holds its own copy of the bytes', () => {
    const bytes = Buffer.from('INPUT_7');
    const entry = internedEntry(bytes, 0, bytes.length);
    bytes.fill('x');
    expect(internedText(entry)).toBe('INPUT_7');
    expect(isInternedAt(entry, Buffer.from('"INPUT_7"'), 1, quote)).toBe(true);
    expect(isInternedAt(entry, bytes, 0, quote)).toBe(false);
  });

  it('sees a longer string and a cut one as others', () => {
    const entry = internedEntry(Buffer.from('shape'), 0, 5);
    for (const text of ['"shapes"', '"shap"', '"shape', '"sha', '"']) {
      expect([text, isInternedAt(entry, Buffer.from(text), 1, quote)]).toEqual([text, false]);
    }
  });
});

describe('the strings of a JSON request', () => {
  const read = (texts: readonly string[]): string[] => {
    const reader = new JsonReader(Buffer.from(JSON.stringify(texts)));
    const strings: string[] = [];
    for (let more = reader.firstElement('x'); more; more = reader.nextElement()) strings.push(reader.string('x'));
    reader.end();
    return strings;
  };

  it('are those of the text, whatever the requests before had in their places', () => {
    const text = fc.oneof(
      fc.constantFrom(
        'name',
        'names',
        'nam',
        '',
        'datatype',
        'FP32',
        'a"b',
        'ä',
        '\\',
        '\n',
        'x'.repeat(64),
        'x'.repeat(65),
      ),
      fc.string({ unit: 'grapheme', maxLength: 70 }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(text, { maxLength: 80 }), { maxLength: 6 }), (requests) => {
        for (const texts of requests) expect(read(texts)).toEqual(texts);
      }),
    );
  });

  it('are the same objects each time', () => {
    const [first] = read(['a_name_of_an_input']);
    const [again] = read(['a_name_of_an_input']);
    const [moved] = read(['other', 'a_name_of_an_input']).slice(1);
    expect([again === first, moved === first]).toEqual([true, true]);
  });
});
