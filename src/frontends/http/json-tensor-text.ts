/**
 * Elements of an output tensor as a flat JSON array (http.md §5.2). FP32 is printed as the double it widens to, NaN and
 * the infinities as bare tokens, 64-bit integers exactly. FP16 and BF16, which Triton refuses, are printed like FP32.
 */

import { isUtf8 } from 'node:buffer';
import { type InferenceError, invalidArgument } from '../../errors.ts';
import { bytesElements } from '../../tensor/bytes-elements.ts';
import type { Datatype } from '../../tensor/datatype.ts';
import { bfloat16Number, float16Number } from '../../tensor/float16.ts';
import { typedElements } from '../../tensor/typed-elements.ts';

/** V8 makes no longer strings; a number takes up to 25 characters. */
const maxElements = 20_000_000;

/** @throws InferenceError `invalid_argument` for what JSON cannot carry; the message asks for binary data. */
export function tensorText(name: string, datatype: Datatype, data: Uint8Array): string {
  if (datatype === 'BYTES') return stringsText(name, data);
  const elements = typedElements(datatype, data);
  if (elements.length > maxElements) throw tooLargeForJson(name);
  if (datatype === 'BOOL') return `[${Array.from(data, (byte) => byte !== 0).join()}]`;
  if (datatype === 'FP16') return `[${floatsText(Float32Array.from(elements as Uint16Array, float16Number))}]`;
  if (datatype === 'BF16') return `[${floatsText(Float32Array.from(elements as Uint16Array, bfloat16Number))}]`;
  if (elements instanceof Float32Array || elements instanceof Float64Array) return `[${floatsText(elements)}]`;
  return `[${elements.join()}]`;
}

export const tooLargeForJson = (name: string): InferenceError =>
  invalidArgument(`output '${name}' is too large to be written as JSON; request it with 'binary_data': true`);

/** The language's own number texts are what is wanted, but for the sign of zero. */
function floatsText(values: Float32Array | Float64Array): string {
  for (let i = 0; i < values.length; i++) {
    if (Object.is(values[i], -0))
      return Array.from(values, (value) => (Object.is(value, -0) ? '-0.0' : String(value))).join();
  }
  return values.join();
}

function stringsText(name: string, data: Uint8Array): string {
  const texts: string[] = [];
  for (const element of bytesElements(data)) {
    if (!isUtf8(element)) {
      throw invalidArgument(
        `element ${texts.length} of output '${name}' is not UTF-8 and cannot be written as JSON; request it with 'binary_data': true`,
      );
    }
    texts.push(JSON.stringify(asBuffer(element).toString('utf8')));
  }
  return `[${texts.join()}]`;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
