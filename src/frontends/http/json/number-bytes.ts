/**
 * Floats and integers as JSON text, straight into bytes. A float of 32 bits is written in the shortest form that reads
 * back as the same float: the text of the double that it widens to is twice as long and takes longer to make.
 */

const zero = 0x30;
const minus = 0x2d;
const dot = 0x2e;

/** An upper bound for the bytes of one number. */
export const maxNumberBytes = 32;

/** Nine decimal digits identify every float; six digits always survive a round trip. */
const mostDigits = 9;
const leastDigits = 6;

const powersOfTen = Float64Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`));

/** Integers are written in two parts, each of which fits 32 bits: 2^53 has sixteen digits. */
const lowDigits = 9;
const lowDigitsUnit = 1e9;

/** From here on every float is an integer. */
const integersFrom = 2 ** 23;
const plainFrom = 1e-5;
const plainBelow = 1e9;

/** @param text ASCII. @returns the position after it. */
export function writeText(target: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/**
 * @param value a float of 32 bits, as the double that it widens to; NaN and the infinities are bare words.
 * @returns the position after the written bytes; there must be room for `maxNumberBytes`.
 */
export function writeFloat(target: Buffer, at: number, value: number): number {
  if (value < 0) {
    target[at] = minus;
    return writePositive(target, at + 1, -value);
  }
  if (value > 0) return writePositive(target, at, value);
  return writeText(target, at, Object.is(value, -0) ? '-0.0' : String(value));
}

/**
 * @param value an integer whose magnitude is at most 2^53.
 * @returns the position after the written bytes; there must be room for `maxNumberBytes`.
 */
export function writeInteger(target: Buffer, at: number, value: number): number {
  if (value < 0) {
    target[at] = minus;
    return writeNatural(target, at + 1, -value);
  }
  return writeNatural(target, at, value);
}

function writeNatural(target: Buffer, at: number, value: number): number {
  if (value < lowDigitsUnit) return writeDigits(target, at, value, digitsOf(value));
  const high = Math.floor(value / lowDigitsUnit);
  return writeDigits(target, writeDigits(target, at, high, digitsOf(high)), value - high * lowDigitsUnit, lowDigits);
}

function writePositive(target: Buffer, at: number, value: number): number {
  if (value < plainFrom || value >= plainBelow) return writeText(target, at, shortestText(value));
  if (value >= integersFrom || value === Math.floor(value)) return writeDigits(target, at, value, digitsOf(value));
  const before = value >= 1 ? digitsOf(Math.floor(value)) : zerosBelowOne(value);
  for (let digits = leastDigits; digits <= mostDigits; digits++) {
    const decimals = digits - before;
    if (decimals <= 0) continue;
    const scaled = Math.round(value * (powersOfTen[decimals] as number));
    if (Math.fround(scaled / (powersOfTen[decimals] as number)) === value) {
      return writeDecimal(target, at, scaled, decimals);
    }
  }
  return writeText(target, at, shortestText(value));
}

/** Minus the zeros between the point and the first digit. */
function zerosBelowOne(value: number): number {
  if (value >= 0.1) return 0;
  if (value >= 0.01) return -1;
  if (value >= 0.001) return -2;
  return value >= 0.0001 ? -3 : -4;
}

/** Writes very small and very large floats, which are rare. */
function shortestText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  for (let digits = 1; digits < mostDigits; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(mostDigits)));
}

/** `scaled` / 10^`decimals`, without zeros at the end. */
function writeDecimal(target: Buffer, at: number, scaled: number, decimals: number): number {
  let rest = scaled;
  let places = decimals;
  while (places > 0 && rest % 10 === 0) {
    rest /= 10;
    places--;
  }
  const shift = powersOfTen[places] as number;
  const whole = Math.floor(rest / shift);
  const to = writeDigits(target, at, whole, digitsOf(whole));
  if (places === 0) return to;
  target[to] = dot;
  return writeDigits(target, to + 1, rest - whole * shift, places);
}

/** The lowest `digits` decimal digits of an integer below 2^30. */
function writeDigits(target: Buffer, at: number, value: number, digits: number): number {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    target[i] = zero + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  let digits = 4;
  while (digits < 9 && value >= (powersOfTen[digits] as number)) digits++;
  return digits;
}
