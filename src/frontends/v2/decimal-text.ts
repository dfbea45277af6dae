/** Numbers as C++'s `std::to_string` writes them; clients of the classification extension parse this form. */

/** Above this `toFixed` changes to exponents; doubles of that size are integers. */
const toFixedLimit = 1e21;

/** With exactly six decimals, rounded to even on a tie; `nan`, `inf` and `-inf` for the rest. */
export function sixDecimals(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}inf`;
  if (magnitude >= toFixedLimit) return `${sign}${BigInt(magnitude)}.000000`;
  return sign + roundedToEven(magnitude);
}

/**
 * `toFixed` rounds ties up. A tie at the seventh decimal is an odd multiple of 1/128 (it has to be a dyadic number),
 * and only then the digit before it must be looked at.
 */
function roundedToEven(magnitude: number): string {
  if ((magnitude * 128) % 2 === 1) {
    const exact = magnitude.toFixed(7);
    const sixthDigit = exact.charCodeAt(exact.length - 2);
    if (sixthDigit % 2 === 0) return exact.slice(0, -1);
  }
  return magnitude.toFixed(6);
}
