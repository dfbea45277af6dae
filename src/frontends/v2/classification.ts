/**
 * The classification extension: an output is replaced by the k largest of its elements as texts
 * `<value>:<index>[:<label>]`, largest first. The same for both protocols.
 */

import { invalidArgument } from '../../errors.ts';
import type { OutputTensor } from '../../inference/response.ts';
import { encodeBytesElements } from '../../tensor/bytes-elements.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import { hostBytes } from '../../tensor/tensor-bytes.ts';
import { type TypedElements, typedElements } from '../../tensor/typed-elements.ts';
import { sixDecimals } from './decimal-text.ts';

/** The replacement of the output: a BYTES tensor. `data` is new and owned by the caller. */
interface Classification {
  readonly shape: Shape;
  readonly data: Uint8Array;
}

/** More elements per batch item than this are refused, as Triton does. */
const maxElements = 1_000_000;

/** The most classes of all rows together: each becomes a text, and more would block the event loop. */
const maxClasses = 65_536;

/**
 * Classifies each item of dimension 0 (`isBatched`) or the tensor as a whole. The result has shape `[rows, k]` or
 * `[k]`, with k = min(`output.classificationCount`, elements of an item). Equal values are in order of their index, NaN
 * is last.
 *
 * @throws InferenceError `invalid_argument` for BYTES, BOOL, FP16 and BF16 outputs, for too many elements or classes.
 */
export function classify(output: OutputTensor, isBatched: boolean): Classification {
  const { datatype, shape, labels } = output;
  if (datatype === 'BYTES' || datatype === 'BOOL' || datatype === 'FP16' || datatype === 'BF16') {
    throw invalidArgument(`class result not available for output due to unsupported type '${datatype}'`);
  }
  const rows = isBatched && shape.length > 0 ? (shape[0] as number) : 1;
  const itemElements = elementCount(isBatched ? shape.slice(1) : shape) ?? 0;
  if (itemElements > maxElements) throw invalidArgument('classification output tensor too large');
  const classes = Math.min(output.classificationCount, itemElements);
  if (rows * classes > maxClasses) {
    throw invalidArgument(
      `classification of output '${output.name}' has ${rows * classes} classes: expected at most ${maxClasses} in one answer`,
    );
  }

  const values = typedElements(datatype, hostBytes(output.data));
  const texts: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const start = row * itemElements;
    for (const index of largest((item) => values[start + item] as number | bigint, itemElements, classes)) {
      const value = values[start + index] as number | bigint;
      const label = labels[index];
      const text = `${valueText(value, values)}:${index}${label ? `:${label}` : ''}`;
      texts.push(Buffer.from(text));
    }
  }
  return { shape: isBatched ? [rows, classes] : [classes], data: encodeBytesElements(texts) };
}

const valueText = (value: number | bigint, values: TypedElements): string =>
  values instanceof Float32Array || values instanceof Float64Array ? sixDecimals(Number(value)) : String(value);

/**
 * Indices of the `count` largest of `length` elements, in order. Uses a heap of that many, whose root is
 * the next one to be replaced.
 */
export function largest(valueAt: (index: number) => number | bigint, length: number, count: number): Int32Array {
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
