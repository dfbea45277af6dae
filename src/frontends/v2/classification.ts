/**
 * The classification extension: an output is replaced by the k largest of its elements as texts
 * `<value>:<index>[:<label>]`, largest first. The same for both protocols.
 */

import { invalidArgument } from '../../errors.ts';
import type { OutputTensor } from '../../inference/response.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import { hostBytes } from '../../tensor/tensor-bytes.ts';
import { type TypedElements, typedElements } from '../../tensor/typed-elements.ts';
import { sixDecimals } from './decimal-text.ts';
import { largestElements } from './largest-elements.ts';

/** The replacement of the output: a BYTES tensor. `data` is new and owned by the caller. */
interface Classification {
  readonly shape: Shape;
  readonly data: Uint8Array;
}

/** More elements per batch item than this are refused, as Triton does. */
const maxElements = 1_000_000;

/** The most classes of all rows together: each becomes a text, and more would block the event loop. */
const maxClasses = 65_536;

/** Larger outputs are classified in a turn of their own: a million elements take 0.1 s. */
const longBytes = 32 * 1024;
/** The same for more classes, each of which is a text of about a microsecond. */
const longClasses = 512;

/** Whether the output is to be classified and that takes so long that it needs a turn of the event loop. */
export function isLongClassification({ classificationCount, data }: OutputTensor): boolean {
  if (classificationCount === 0) return false;
  // An element has at least one byte.
  return data.length > longBytes || Math.min(classificationCount, data.length) > longClasses;
}

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
  const texts = new ElementTexts(rows * classes);
  for (let row = 0; row < rows; row++) {
    const start = row * itemElements;
    for (const index of largestElements(values, start, itemElements, classes)) {
      const text = `${valueText(values[start + index] as number | bigint, values)}:${index}`;
      const label = labels[index];
      if (label) texts.add(`${text}:${label}`, 'utf8');
      else texts.add(text, 'latin1');
    }
  }
  return { shape: isBatched ? [rows, classes] : [classes], data: texts.bytes };
}

const valueText = (value: number | bigint, values: TypedElements): string =>
  values instanceof Float32Array || values instanceof Float64Array ? sixDecimals(Number(value)) : String(value);

const usualTextBytes = 24;
const prefixBytes = 4;

/** Writes texts as elements of a BYTES tensor, without a buffer for each. */
class ElementTexts {
  #buffer: Buffer;
  #at = 0;

  constructor(count: number) {
    this.#buffer = Buffer.allocUnsafe(count * usualTextBytes);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** @param encoding `latin1` for ASCII, which is faster. */
  add(text: string, encoding: 'latin1' | 'utf8'): void {
    const most = prefixBytes + text.length * 3;
    if (this.#at + most > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer], Math.max(2 * this.#buffer.length, this.#at + most));
    }
    const length = this.#buffer.write(text, this.#at + prefixBytes, encoding);
    this.#buffer.writeUInt32LE(length, this.#at);
    this.#at += prefixBytes + length;
  }
}
