/**
 * FP16 (IEEE binary16) and BF16 (the upper half of binary32) to and from numbers, for JSON only: tensors travel as bits.
 * Rounding is to nearest, ties to even, in one step from the double.
 */

const scratch = new DataView(new ArrayBuffer(8));

const doubleExponentBias = 1023;

/** Shape of a narrow format: widths of its fields and its exponent bias. */
interface NarrowFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

const half: NarrowFormat = { exponentBits: 5, mantissaBits: 10 };
const brain: NarrowFormat = { exponentBits: 8, mantissaBits: 7 };

/** From this magnitude on a number rounds to infinity. */
export const float16Limit = 65520;
export const bfloat16Limit = 2 ** 128 - 2 ** 119;

export const float16Bits = (value: number): number => narrowBits(value, half);
export const bfloat16Bits = (value: number): number => narrowBits(value, brain);

/** The number with these FP16 bits. */
export function float16Number(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The number with these BF16 bits. */
export function bfloat16Number(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

function narrowBits(value: number, format: NarrowFormat): number {
  const { exponentBits, mantissaBits } = format;
  const maxExponent = 2 ** exponentBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const infinity = maxExponent << mantissaBits;
  scratch.setFloat64(0, value);
  const high = scratch.getUint32(0);
  const sign = (high >>> 31) << (exponentBits + mantissaBits);
  if (Number.isNaN(value)) return sign | infinity | (1 << (mantissaBits - 1));
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  // Below the smallest normal number the spacing no longer shrinks with the exponent.
  const exponent = Math.max(((high >>> 20) & 0x7ff) - doubleExponentBias, 1 - bias);
  const steps = roundToEven(magnitude * 2 ** (mantissaBits - exponent));
  // `steps` has the hidden bit (unless subnormal), which adds one to the exponent field; so does a carry.
  return sign | Math.min(((exponent + bias - 1) << mantissaBits) + steps, infinity);
}

/** `value` is not negative and below 2^53, scaled by a power of two only, so the comparison with 0.5 is exact. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}
