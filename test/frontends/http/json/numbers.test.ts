import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanDouble, scanInteger, scanInteger64 } from '../../../../src/frontends/http/json/numbers.ts';
import { JsonReader } from '../../../../src/frontends/http/json/reader.ts';

const reader = (text: string): JsonReader => new JsonReader(Buffer.from(text));
const double = (text: string): number | null => scanDouble(reader(text), false);
const single = (text: string): number => Math.fround(scanDouble(reader(text), true)!);

function int64(text: string, isSigned: boolean): bigint | boolean | null {
  const target = new Uint32Array(2);
  const fits = scanInteger64(reader(text), isSigned, target, 0);
  if (fits !== true) return fits;
  return (isSigned ? new BigInt64Array(target.buffer) : new BigUint64Array(target.buffer))[0];
}

/** Texts of numbers in many shapes: few and many digits, leading zeros behind the point, exponents. */
const numberText = fc
  .tuple(
    fc.boolean(),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,24}$/)),
    fc.option(fc.stringMatching(/^0{0,8}\d{1,24}$/), { nil: undefined }),
    fc.option(fc.integer({ min: -330, max: 300 }), { nil: undefined }),
  )
  .map(
    ([isNegative, whole, fraction, exponent]) =>
      `${isNegative ? '-' : ''}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent === undefined ? '' : `e${exponent}`}`,
  );

describe('scanDouble', () => {
  it('reads every text as the language does', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        expect(double(text)).toBe(Number(text));
      }),
      { seed: 1, numRuns: 5000 },
    );
  });

  it('reads the text of every double back as that double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(double(Object.is(value, -0) ? '-0' : String(value))).toBe(value);
      }),
      { seed: 2, numRuns: 5000 },
    );
  });

  it('reads 17 digits near one, where most texts are decided without the language', () => {
    fc.assert(
      fc.property(fc.double({ min: -100, max: 100, noNaN: true }), (value) => {
        expect(double(value.toPrecision(17))).toBe(Number(value.toPrecision(17)));
        expect(double(value.toPrecision(19))).toBe(Number(value.toPrecision(19)));
      }),
      { seed: 3, numRuns: 5000 },
    );
  });

  it('rounds to the same float as the nearest double does', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        expect(single(text)).toBe(Math.fround(Number(text)));
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  it('decides texts next to the middle between two floats', () => {
    const middle = 1 + 2 ** -24;
    for (const text of [
      middle.toPrecision(25),
      `${middle}0000000000000001`,
      '1.00000005960464477539062',
      '16777217',
      '16777219',
    ]) {
      expect(single(text)).toBe(Math.fround(Number(text)));
    }
  });

  it('decides the middle between two doubles to the even one', () => {
    for (const text of ['9007199254740993', '9007199254740995', '900719925474099.3125', '4503599627370497.5']) {
      expect(double(text)).toBe(Number(text));
    }
  });

  it('leaves the reader behind the number, or where it was when there is none', () => {
    const behind = reader('-1.50e+2,');
    expect(scanDouble(behind, false)).toBe(-150);
    expect(behind.at).toBe(8);
    const none = reader('"x"');
    expect(scanDouble(none, false)).toBeNull();
    expect(none.at).toBe(0);
  });

  it.each(['1.', '1.e5', '01', '-00', '1e', '1e+', '2.x'])('refuses %s', (text) => {
    expect(() => double(text)).toThrow('failed to parse the request JSON buffer: Invalid value.');
  });
});

describe('scanInteger', () => {
  it.each([
    ['0', 0],
    ['-0', -0],
    ['-2147483648', -2147483648],
    ['4294967295', 4294967295],
  ])('reads %s', (text, value) => {
    expect(scanInteger(reader(text))).toBe(value);
  });

  it.each(['1.5', '1.0', '1e2', '1E2', '-', 'x', '"1"', ''])('does not take %s', (text) => {
    expect(scanInteger(reader(text))).toBeNull();
  });

  it('refuses leading zeros', () => {
    expect(() => scanInteger(reader('007'))).toThrow('Invalid value.');
  });
});

describe('scanInteger64', () => {
  it('keeps every signed integer exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(int64(String(value), true)).toBe(value);
        expect(int64(String(value / 2n ** 32n), true)).toBe(value / 2n ** 32n);
      }),
      { seed: 5 },
    );
  });

  it('keeps every unsigned integer exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(int64(String(value), false)).toBe(value);
      }),
      { seed: 6 },
    );
  });

  it.each([
    ['9223372036854775808', true],
    ['-9223372036854775809', true],
    ['18446744073709551616', false],
    ['-1', false],
    ['99999999999999999999999999', true],
  ])('says that %s does not fit', (text, isSigned) => {
    expect(int64(text, isSigned)).toBe(false);
  });
});
