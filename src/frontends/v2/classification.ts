/**
 * The classification extension: an output is replaced by the k largest of its elements as texts
 * `<value>:<index>[:<label>]`, largest first. The same for both protocols.
 */

import { invalidArgument } from '../../errors.ts';
import type { OutputTensor } from '../../inference/response.ts';
import { encodeBytesElements } from '../../tensor/bytes-elements.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import { type TypedElements, typedElements } from '../../tensor/typed-elements.ts';
import { sixDecimals } from './decimal-text.ts';

/** What stands in place of the output: a BYTES tensor. `data` is new and owned by the caller. */
export interface Classification {
  readonly shape: Shape;
  readonly data: Uint8Array;
}

/** More elements per batch item than this are refused, as Triton does. */
const maxElements = 1_000_000;

/** Up to this many classes an insertion into a short list beats sorting all indices. */
const maxInsertedClasses = 32;

/**
 * Classifies each item of dimension 0 (`isBatched`) or the tensor as a whole. The result has shape `[rows, k]` or `[k]`,
 * with k = min(`output.classificationCount`, elements of an item). Equal values are told in order of their index, NaN
 * comes last.
 *
 * @throws InferenceError `invalid_argument` for BYTES, BOOL, FP16 and BF16 outputs and for too many elements.
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

  const values = typedElements(datatype, output.data);
  const texts: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const start = row * itemElements;
    for (const index of largest(values, start, itemElements, classes)) {
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

/** Whether a comes before b: larger first, NaN last. */
const precedes = (a: number | bigint, b: number | bigint): boolean => a > b || (Number.isNaN(b) && !Number.isNaN(a));

/** Indices, relative to `start`, of the `count` largest of `length` elements, in order. */
function largest(values: TypedElements, start: number, length: number, count: number): number[] {
  const at = (index: number): number | bigint => values[start + index] as number | bigint;
  if (count > maxInsertedClasses) {
    const order = Array.from({ length }, (_, index) => index);
    order.sort((a, b) => (precedes(at(a), at(b)) ? -1 : precedes(at(b), at(a)) ? 1 : a - b));
    return order.slice(0, count);
  }
  const best: number[] = [];
  for (let index = 0; index < length; index++) {
    const value = at(index);
    if (best.length === count && (count === 0 || !precedes(value, at(best[count - 1] as number)))) continue;
    if (best.length === count) best.pop();
    let place = best.length;
    while (place > 0 && precedes(value, at(best[place - 1] as number))) place--;
    best.splice(place, 0, index);
  }
  return best;
}
