/**
 * Finds the largest elements of a tensor, in order: larger first, NaN last, equal ones in the order of their index. Many
 * elements of at most four bytes are found by counting and one sort of numbers, in a tenth of the time of a heap.
 */

import type { TypedElements } from '../../tensor/typed-elements.ts';

/** Up to this many, a heap is as fast as two counts of all elements. */
const maxHeapCount = 256;

/** An element and its index fit into a double without loss: 32 and 20 bits. */
const indexRange = 2 ** 20;

type Keys = (index: number) => number;

/**
 * The positions of the `count` largest of `length` elements from `start` on, counted from there.
 *
 * @param length At most 2^20.
 * @param count At most `length`.
 */
export function largestElements(values: TypedElements, start: number, length: number, count: number): Int32Array {
  const keys = count > maxHeapCount ? keysOf(values, start, length) : null;
  if (keys === null) return largestByHeap((index) => values[start + index] as number | bigint, length, count);
  return byCounting(keys, count);
}

/** Numbers of 32 bits in the order of the elements, 0 for NaN; null for elements that need more bits. */
function keysOf(values: TypedElements, start: number, length: number): Uint32Array | null {
  const keys = new Uint32Array(length);
  if (values instanceof Float32Array) {
    const bits = new Int32Array(values.buffer, values.byteOffset + start * 4, length);
    for (let i = 0; i < length; i++) {
      const pattern = bits[i] as number;
      // Negative numbers have the sign bit, and larger patterns the smaller they are; both zeros are equal.
      if (pattern === -0x80000000) keys[i] = 0x80000000;
      else if (Number.isNaN(values[start + i])) keys[i] = 0;
      else keys[i] = pattern < 0 ? ~pattern : pattern | 0x80000000;
    }
    return keys;
  }
  if (values instanceof Float64Array || values instanceof BigInt64Array || values instanceof BigUint64Array)
    return null;
  const isSigned = values instanceof Int8Array || values instanceof Int16Array || values instanceof Int32Array;
  const lowest = isSigned ? 0x80000000 : 0;
  for (let i = 0; i < length; i++) keys[i] = (values[start + i] as number) + lowest;
  return keys;
}

function byCounting(keys: Uint32Array, count: number): Int32Array {
  // The smallest key that is wanted: its upper half first, then its lower half among those with this upper half.
  let wanted = count;
  const upper = lastBin(keys, (key) => key >>> 16, wanted);
  wanted -= upper.above;
  const lower = lastBin(keys, (key) => (key >>> 16 === upper.bin ? key & 0xffff : -1), wanted);
  const smallest = upper.bin * 0x10000 + lower.bin;
  let equalLeft = wanted - lower.above;
  const found = new Float64Array(count);
  let at = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (key > smallest || (key === smallest && equalLeft-- > 0)) found[at++] = (0xffffffff - key) * indexRange + i;
  }
  return Int32Array.from(found.sort(), (one) => one % indexRange);
}

/**
 * Counts elements by a number of 16 bits each, negative for none. The bin in which the `wanted` largest end, and how
 * many of them are above it.
 */
function lastBin(keys: Uint32Array, binOf: Keys, wanted: number): { readonly bin: number; readonly above: number } {
  const counts = new Uint32Array(0x10000);
  for (let i = 0; i < keys.length; i++) {
    const bin = binOf(keys[i] as number);
    if (bin >= 0) counts[bin] = (counts[bin] as number) + 1;
  }
  let above = 0;
  let bin = 0xffff;
  for (; above + (counts[bin] as number) < wanted; bin--) above += counts[bin] as number;
  return { bin, above };
}

/**
 * By a heap of that many elements, whose root is the next one to be replaced.
 */
export function largestByHeap(valueAt: (index: number) => number | bigint, length: number, count: number): Int32Array {
  const heap = new Int32Array(count);
  if (count === 0) return heap;

  /** Larger first, NaN last, equal ones in the order of their index. */
  const isBefore = (a: number, b: number): boolean => {
    const x = valueAt(a);
    const y = valueAt(b);
    if (x > y) return true;
    if (x < y) return false;
    const isNaNBoth = Number.isNaN(x) === Number.isNaN(y);
    return isNaNBoth ? a < b : Number.isNaN(y);
  };
  const siftDown = (index: number, from: number, size: number): void => {
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isBefore(heap[child] as number, heap[child + 1] as number)) child++;
      if (!isBefore(index, heap[child] as number)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = index;
  };

  for (let index = 0; index < count; index++) heap[index] = index;
  for (let at = (count >> 1) - 1; at >= 0; at--) siftDown(heap[at] as number, at, count);
  for (let index = count; index < length; index++) if (isBefore(index, heap[0] as number)) siftDown(index, 0, count);
  for (let size = count - 1; size > 0; size--) {
    const last = heap[size] as number;
    heap[size] = heap[0] as number;
    siftDown(last, 0, size);
  }
  return heap;
}
