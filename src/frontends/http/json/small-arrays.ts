/**
 * Memory of small tensors that are read from JSON: several share one `ArrayBuffer`, because making one for each, or for
 * an array in V8's heap once its address is needed, takes longer than reading the numbers.
 */

const sharedBytes = 8 * 1024;
/** Larger arrays get a buffer of their own. */
const smallBytes = 1024;
/** The largest element; every array begins at a multiple of it. */
const alignment = 8;

let shared = new ArrayBuffer(sharedBytes);
let used = 0;

/** A constructor of typed arrays. */
interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

/** An array of `count` elements whose values are not defined: all of them are written before they are read. */
export function arrayOf<T>(type: ArrayType<T>, count: number): T {
  const bytes = count * type.BYTES_PER_ELEMENT;
  if (bytes > smallBytes) return new type(new ArrayBuffer(bytes), 0, count);
  if (used + bytes > sharedBytes) {
    shared = new ArrayBuffer(sharedBytes);
    used = 0;
  }
  const at = used;
  used += Math.ceil(bytes / alignment) * alignment;
  return new type(shared, at, count);
}
