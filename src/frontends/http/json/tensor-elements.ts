/**
 * Reads the elements of a tensor from JSON straight into their bytes, without an array in between. `data` may be flat
 * or nested in any way: only the number of elements counts. Stricter than Triton where Triton would store another
 * number than the client sent: fractions and values out of range are refused. `number-elements.ts` and `text-elements.ts`
 * hold the elements while they are read.
 */

import { assertNever } from '../../../errors.ts';
import type { Datatype } from '../../../tensor/datatype.ts';
import { bfloat16Limit, float16Limit } from '../../../tensor/float16.ts';
import type { Shape } from '../../../tensor/shape.ts';
import type { Elements } from './elements.ts';
import { NestedElements, PassedText, tooFew } from './nested-elements.ts';
import { FloatElements, Integer64Elements, IntegerElements } from './number-elements.ts';
import type { JsonReader } from './reader.ts';
import { arrayOf } from './small-arrays.ts';
import type { TensorSlices } from './tensor-slices.ts';
import { BooleanElements, StringElements } from './text-elements.ts';

const openBracket = 0x5b;

/** From this magnitude on a double rounds to an infinite float. */
const floatLimit = 2 ** 128 - 2 ** 103;

/**
 * Reads the value of `data` at the reader.
 *
 * @param slices of a large request; throws `paused` when the turn has to end.
 * @returns the elements' bytes (wire form for BYTES), in memory of their own.
 * @throws InferenceError `invalid_argument` when there are not exactly `count` elements or one does not fit.
 */
export function readTensorData(
  reader: JsonReader,
  name: string,
  datatype: Datatype,
  shape: Shape,
  count: number,
  slices: TensorSlices | null,
): Uint8Array {
  const known = slices?.find(reader);
  if (known !== undefined) return known;
  // Every element takes two bytes of text at least: a shape cannot make the server reserve much more memory than the
  // client sent.
  if (count > (reader.bytes.length - reader.at) / 2) throw tooFew(name, shape);
  if (slices !== null) return slices.read(reader, () => new NestedElements(elementsFor(name, datatype, shape, count)));
  const elements = new NestedElements(elementsFor(name, datatype, shape, count));
  elements.read(reader);
  return elements.bytes();
}

/**
 * Skips a value of `data` whose datatype and shape are not known yet. Only quotes and brackets are parsed;
 * `readTensorData` reads the value later.
 */
export function passOverTensorData(reader: JsonReader, slices: TensorSlices | null): void {
  if (reader.peek() !== openBracket) reader.skip(0);
  else if (slices !== null) slices.passOver(reader);
  else new PassedText(reader.at).pass(reader, Number.POSITIVE_INFINITY);
}

function elementsFor(name: string, datatype: Datatype, shape: Shape, count: number): Elements {
  switch (datatype) {
    case 'FP32':
      return new FloatElements(name, datatype, shape, arrayOf(Float32Array, count), floatLimit);
    case 'FP64':
      return new FloatElements(name, datatype, shape, arrayOf(Float64Array, count), Number.POSITIVE_INFINITY);
    case 'FP16':
      return new FloatElements(name, datatype, shape, arrayOf(Uint16Array, count), float16Limit);
    case 'BF16':
      return new FloatElements(name, datatype, shape, arrayOf(Uint16Array, count), bfloat16Limit);
    case 'UINT8':
      return new IntegerElements(name, datatype, shape, arrayOf(Uint8Array, count));
    case 'UINT16':
      return new IntegerElements(name, datatype, shape, arrayOf(Uint16Array, count));
    case 'UINT32':
      return new IntegerElements(name, datatype, shape, arrayOf(Uint32Array, count));
    case 'INT8':
      return new IntegerElements(name, datatype, shape, arrayOf(Int8Array, count));
    case 'INT16':
      return new IntegerElements(name, datatype, shape, arrayOf(Int16Array, count));
    case 'INT32':
      return new IntegerElements(name, datatype, shape, arrayOf(Int32Array, count));
    case 'UINT64':
    case 'INT64':
      return new Integer64Elements(name, datatype, shape, count);
    case 'BOOL':
      return new BooleanElements(name, shape, count);
    case 'BYTES':
      return new StringElements(name, shape, count);
    default:
      return assertNever(datatype);
  }
}
