/** Arithmetic on shapes. A dimension is a safe integer; -1 stands for "any extent" where a shape is a pattern. */

export type Shape = readonly number[];

/**
 * Number of elements of a concrete shape; 1 for rank 0.
 *
 * @returns null when a dimension is negative or no safe integer, or when the product is no safe integer – which also
 *          keeps every byte size that follows from it exact.
 */
export function elementCount(shape: Shape): number | null {
  let count = 1;
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i] as number;
    if (dim < 0 || !Number.isSafeInteger(dim)) return null;
    count *= dim;
    if (count > Number.MAX_SAFE_INTEGER) return hasZero(shape) ? 0 : null;
  }
  return count;
}

function hasZero(shape: Shape): boolean {
  return shape.includes(0) && shape.every((dim) => dim >= 0 && Number.isSafeInteger(dim));
}

/** Whether a concrete shape fits a pattern, in which -1 matches every extent. */
export function matchesPattern(shape: Shape, pattern: Shape): boolean {
  if (shape.length !== pattern.length) return false;
  for (let i = 0; i < shape.length; i++) if (pattern[i] !== -1 && pattern[i] !== shape[i]) return false;
  return true;
}

/** The most dimensions that a message shows. */
const mostShown = 32;

/** As error messages print it: `[-1,16]`. A long one, which a request or a configuration may bring, is truncated. */
export const shapeText = (shape: Shape): string =>
  shape.length > mostShown
    ? `[${shape.slice(0, mostShown).join(',')},…] of ${shape.length} dimensions`
    : `[${shape.join(',')}]`;
