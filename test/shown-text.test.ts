import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoted, shownText } from '../src/shown-text.ts';

describe('a text from outside in a message', () => {
  it('is shown whole up to 256 characters', () => {
    expect(shownText('x'.repeat(256))).toBe('x'.repeat(256));
    expect(shownText('x'.repeat(257))).toBe(`${'x'.repeat(256)}…`);
  });

  it('is truncated between characters', () => {
    expect(shownText(`${'x'.repeat(255)}😀😀`)).toBe(`${'x'.repeat(255)}…`);
    expect(shownText(`${'x'.repeat(254)}😀😀`)).toBe(`${'x'.repeat(254)}😀…`);
  });

  it('has a limited length and stays valid Unicode, whatever it is', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 2000, size: 'max' });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 300 }), (text, most) => {
        const shown = shownText(text, most);
        expect(shown.length).toBeLessThanOrEqual(most + 1);
        expect(shown).not.toMatch(/\p{Surrogate}/u);
        expect(text.startsWith(shown.replace(/…$/, ''))).toBe(true);
        expect(quoted(text).length).toBeLessThanOrEqual(4 * 256 + 3);
      }),
    );
  });

  it('has no control character in quotation marks', () => {
    expect(quoted('a\n\0b\x7f')).toBe("'a\\x0a\\x00b\\x7f'");
  });
});
