/**
 * Elements of a tensor from JSON straight into their bytes, without an array in between. `data` may be flat or nested in
 * any way: only the number of elements counts (http.md §5.2). Stricter than Triton where it would store another number
 * than was sent: fractions and values out of range are refused. What takes the
 * elements is `number-sinks.ts` and `text-sinks.ts`.
 */

import { assertNever, type InferenceError, invalidArgument } from '../../errors.ts';
import type { Datatype } from '../../tensor/datatype.ts';
import { bfloat16Limit, float16Limit } from '../../tensor/float16.ts';
import { type Shape, shapeText } from '../../tensor/shape.ts';
import { type ElementSink, wrongElement } from './element-sink.ts';
import { depthExceeded, type JsonReader, maxJsonDepth } from './json-reader.ts';
import { FloatSink, Integer64Sink, IntegerSink } from './number-sinks.ts';
import { BooleanSink, StringSink } from './text-sinks.ts';

const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;

/** From this magnitude on a double rounds to an infinite float. */
const floatLimit = 2 ** 128 - 2 ** 103;

/**
 * Reads the value of `data` at the reader.
 *
 * @returns the elements' bytes (wire form for BYTES), in memory of their own.
 * @throws InferenceError `invalid_argument` when there are not exactly `count` elements or one does not fit.
 */
export function readTensorData(
  reader: JsonReader,
  name: string,
  datatype: Datatype,
  shape: Shape,
  count: number,
): Uint8Array {
  // Every element takes two bytes of text at least: a shape cannot make the server reserve more than was sent.
  if (count > (reader.bytes.length - reader.at) / 2) throw tooFew(name, shape);
  const sink = sinkFor(name, datatype, shape, count);
  readNested(reader, sink);
  if (sink.index < count) throw tooFew(name, shape);
  return sink.bytes();
}

/**
 * Leaves the reader behind a value of `data` whose datatype and shape are not known yet. Only strings and brackets are
 * looked at: `readTensorData` comes back to it.
 */
export function passOverTensorData(reader: JsonReader): void {
  const { bytes } = reader;
  if (reader.peek() !== openBracket) {
    reader.skip(0);
    return;
  }
  const start = reader.at;
  for (let depth = 0; reader.at < bytes.length; ) {
    const byte = bytes[reader.at];
    if (byte === quote) {
      reader.skipString(Number.POSITIVE_INFINITY);
      continue;
    }
    reader.at++;
    if (byte === openBracket) depth++;
    else if (byte === closeBracket && --depth === 0) return;
  }
  throw reader.fail('Missing a comma or ] after an array element.', start);
}

const tooFew = (name: string, shape: Shape): InferenceError =>
  invalidArgument(
    `Failed to parse 'data' field: shape does not match true shape, input '${name}' of shape ${shapeText(shape)} has fewer elements`,
  );

/** Brackets and the commas between them. */
function readNested(reader: JsonReader, sink: ElementSink): void {
  if (reader.peek() !== openBracket) throw wrongElement(reader, 'data', 'array');
  let depth = 0;
  for (;;) {
    if (reader.peek() === openBracket) {
      if (++depth > maxJsonDepth) throw depthExceeded();
      reader.at++;
      if (reader.peek() !== closeBracket) continue;
    } else {
      sink.readRun(reader);
    }
    let byte = reader.peek();
    while (byte === closeBracket) {
      reader.at++;
      if (--depth === 0) return;
      byte = reader.peek();
    }
    if (byte !== comma) throw reader.fail('Missing a comma or ] after an array element.');
    reader.at++;
  }
}

function sinkFor(name: string, datatype: Datatype, shape: Shape, count: number): ElementSink {
  switch (datatype) {
    case 'FP32':
      return new FloatSink(name, datatype, shape, new Float32Array(count), floatLimit);
    case 'FP64':
      return new FloatSink(name, datatype, shape, new Float64Array(count), Number.POSITIVE_INFINITY);
    case 'FP16':
      return new FloatSink(name, datatype, shape, new Float64Array(count), float16Limit);
    case 'BF16':
      return new FloatSink(name, datatype, shape, new Float64Array(count), bfloat16Limit);
    case 'UINT8':
      return new IntegerSink(name, datatype, shape, new Uint8Array(count));
    case 'UINT16':
      return new IntegerSink(name, datatype, shape, new Uint16Array(count));
    case 'UINT32':
      return new IntegerSink(name, datatype, shape, new Uint32Array(count));
    case 'INT8':
      return new IntegerSink(name, datatype, shape, new Int8Array(count));
    case 'INT16':
      return new IntegerSink(name, datatype, shape, new Int16Array(count));
    case 'INT32':
      return new IntegerSink(name, datatype, shape, new Int32Array(count));
    case 'UINT64':
    case 'INT64':
      return new Integer64Sink(name, datatype, shape, count);
    case 'BOOL':
      return new BooleanSink(name, shape, count);
    case 'BYTES':
      return new StringSink(name, shape, count);
    default:
      return assertNever(datatype);
  }
}
