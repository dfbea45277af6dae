/**
 * Numbers of JSON tensors, scanned from bytes. Measured on 1024 floats of 17 digits: about the cost of `JSON.parse`
 * (see bench/json.mjs), because nearly all of them are decided without making a string.
 */

import { requestLimits } from '../../../inference/request-limits.ts';
import type { JsonReader } from './reader.ts';

const { numberCharacters } = requestLimits;

const zero = 0x30;
const nine = 0x39;
const minus = 0x2d;
const plus = 0x2b;
const dot = 0x2e;

/** Decimal digits that a double holds without loss. */
const exactDigits = 15;
/** Powers of ten up to this one are exact doubles, so one multiplication or division rounds once. */
const exactPower = 22;
const largestPower = 308;
const powersOfTen = Float64Array.from({ length: largestPower + 1 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Bound on the relative error after cutting the digits off at `exactDigits` (1e-14) and two roundings of a double. When
 * both ends of that interval round to the same float, so does the number itself.
 */
const cutError = 2e-14;

/**
 * Digits beyond `exactDigits` that are kept apart; with them every text that `String` makes of a double is complete.
 */
const restDigits = 7;
/** Bound on the relative error of the second half in `divided`, whose own first half is exact. */
const restError = 2 ** -40;

const isDigit = (byte: number | undefined): byte is number => byte !== undefined && byte >= zero && byte <= nine;

/**
 * The number at the reader as the nearest double – or, for `isSingle`, a double that rounds to the same float as the
 * nearest one does. Null, with the reader not moved, when there is no number. Overflow gives an infinity.
 *
 * @throws InferenceError `invalid_argument` for text that begins like a number and is none.
 */
export function scanDouble(reader: JsonReader, isSingle: boolean): number | null {
  const { bytes, at: start } = reader;
  let at = start;
  let byte = bytes[at];
  const isNegative = byte === minus;
  if (isNegative) byte = bytes[++at];
  if (!isDigit(byte)) return null;

  let mantissa = 0;
  let digits = 0;
  let scale = 0;
  /** Digits after the mantissa's, and their number; beyond `restDigits` they are dropped and `isCut` stays. */
  let rest = 0;
  let restCount = 0;
  let isCut = false;
  if (byte === zero) {
    byte = bytes[++at];
    if (isDigit(byte)) throw reader.fail('Invalid value.');
  } else {
    do {
      if (digits < exactDigits) {
        mantissa = mantissa * 10 + (byte - zero);
        digits++;
      } else if (restCount < restDigits) {
        rest = rest * 10 + (byte - zero);
        restCount++;
        scale++;
      } else {
        scale++;
        isCut = true;
        if (at - start > numberCharacters) throw reader.fail('Number with too many characters.');
      }
      byte = bytes[++at];
    } while (isDigit(byte));
  }
  if (byte === dot) {
    byte = bytes[++at];
    if (!isDigit(byte)) throw reader.fail('Invalid value.');
    do {
      if (digits < exactDigits) {
        mantissa = mantissa * 10 + (byte - zero);
        scale--;
        if (mantissa !== 0) digits++;
        else if (at - start > numberCharacters) throw reader.fail('Number with too many characters.');
      } else if (restCount < restDigits) {
        rest = rest * 10 + (byte - zero);
        restCount++;
      } else {
        isCut = true;
        if (at - start > numberCharacters) throw reader.fail('Number with too many characters.');
      }
      byte = bytes[++at];
    } while (isDigit(byte));
  }
  if (byte === 0x65 || byte === 0x45) {
    byte = bytes[++at];
    const isBelowOne = byte === minus;
    if (isBelowOne || byte === plus) byte = bytes[++at];
    if (!isDigit(byte)) throw reader.fail('Invalid value.');
    let exponent = 0;
    do {
      exponent = Math.min(exponent * 10 + (byte - zero), 99_999);
      byte = bytes[++at];
      if (at - start > numberCharacters) throw reader.fail('Number with too many characters.');
    } while (isDigit(byte));
    scale += isBelowOne ? -exponent : exponent;
  }
  reader.at = at;

  // `scale` is the power of ten of the mantissa; with the rest it is lower by `restCount`.
  let value: number;
  if (restCount === 0 && scale >= -exactPower && scale <= exactPower) {
    value = scaled(mantissa, scale);
  } else if (isSingle && scale >= -largestPower && scale <= largestPower - exactDigits) {
    value = scaled(mantissa, scale);
    if (Math.fround(value * (1 - cutError)) !== Math.fround(value * (1 + cutError))) value = Number.NaN;
  } else {
    const power = restCount - scale;
    value = isCut || power < 0 || power > exactPower ? Number.NaN : divided(mantissa, rest, restCount, power);
  }
  if (Number.isNaN(value)) return Number(bytes.toString('latin1', start, at));
  return isNegative ? -value : value;
}

const scaled = (mantissa: number, scale: number): number =>
  scale < 0 ? mantissa / (powersOfTen[-scale] as number) : mantissa * (powersOfTen[scale] as number);

/**
 * The double nearest to (mantissa * 10^restCount + rest) / 10^power, or NaN when it is too close to the middle between
 * two doubles. Computed in two doubles (Dekker 1971): the first quotient and its exact remainder divided again.
 */
function divided(mantissa: number, rest: number, restCount: number, power: number): number {
  const shift = powersOfTen[restCount] as number;
  const divisor = powersOfTen[power] as number;
  const high = mantissa * shift;
  const low = productError(mantissa, shift, high) + rest;
  const first = high / divisor;
  const product = first * divisor;
  const remainder = high - product - productError(first, divisor, product) + low;
  const second = remainder / divisor;
  const value = first + second * (1 - restError);
  return value === first + second * (1 + restError) ? value : Number.NaN;
}

/** a * b - product, exactly, where `product` is the rounded a * b. */
function productError(a: number, b: number, product: number): number {
  const aHigh = upperHalf(a);
  const bHigh = upperHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

/** The upper 26 bits of a double's mantissa. */
function upperHalf(value: number): number {
  const scaledUp = value * (2 ** 27 + 1);
  return scaledUp - (scaledUp - value);
}

/** Far beyond every datatype; reading of larger numbers stops early. Leading zeros are refused at the second digit. */
const largestInteger = 1e100;

/** Digits of an integer that surely fits 2^53; longer ones go through `bigint`. */
const safeDigits = 15;

/**
 * The integer at the reader, rounded where it is beyond 2^53. Null, with the reader not moved, when there is no number
 * or one with a fraction or an exponent.
 */
export function scanInteger(reader: JsonReader): number | null {
  const { bytes } = reader;
  let at = reader.at;
  let byte = bytes[at];
  const isNegative = byte === minus;
  if (isNegative) byte = bytes[++at];
  if (!isDigit(byte)) return null;
  const leading = byte;
  let value = 0;
  do {
    value = value * 10 + (byte - zero);
    byte = bytes[++at];
  } while (isDigit(byte) && value < largestInteger && leading !== zero);
  if (isDigit(byte)) throw reader.fail(leading === zero ? 'Invalid value.' : 'Integer with too many digits.');
  if (byte === dot || byte === 0x65 || byte === 0x45) return null;
  reader.at = at;
  return isNegative ? -value : value;
}

/**
 * Writes the integer at the reader to `target[index]` (low half) and `target[index + 1]` (high half).
 *
 * @returns false when it does not fit 64 bits of that signedness; null as `scanInteger`.
 */
export function scanInteger64(
  reader: JsonReader,
  isSigned: boolean,
  target: Uint32Array,
  index: number,
): boolean | null {
  const start = reader.at;
  const value = scanInteger(reader);
  if (value === null) return null;
  if (reader.at - start <= safeDigits) {
    if (value < 0 && !isSigned) return false;
    // Storing into a Uint32Array takes both halves modulo 2^32, which makes two's complement of negative numbers.
    target[index] = value;
    target[index + 1] = Math.floor(value / 2 ** 32);
    return true;
  }
  const exact = BigInt(reader.bytes.toString('latin1', start, reader.at));
  const wrapped = BigInt.asUintN(64, exact);
  if ((isSigned ? BigInt.asIntN(64, wrapped) : wrapped) !== exact) return false;
  target[index] = Number(wrapped & 0xffff_ffffn);
  target[index + 1] = Number(wrapped >> 32n);
  return true;
}
