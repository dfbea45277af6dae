/**
 * Reads the elements of a tensor from JSON straight into their bytes, without an array in between. `data` may be flat
 * or nested in any way: only the number of elements counts. Stricter than Triton where Triton would store another
 * number than the client sent: fractions and values out of range are refused. `number-sinks.ts` and `text-sinks.ts`
 * take the elements.
 */

import { assertNever, type InferenceError, invalidArgument } from '../../../errors.ts';
import type { Datatype } from '../../../tensor/datatype.ts';
import { bfloat16Limit, float16Limit } from '../../../tensor/float16.ts';
import { type Shape, shapeText } from '../../../tensor/shape.ts';
import { type ElementSink, noArray } from './element-sink.ts';
import { depthExceeded, type JsonReader, maxJsonDepth } from './reader.ts';
import { FloatSink, Integer64Sink, IntegerSink } from './number-sinks.ts';
import type { TensorSlices } from './tensor-slices.ts';
import { BooleanSink, StringSink } from './text-sinks.ts';

const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;

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
  if (slices !== null) return slices.read(reader, () => new NestedElements(sinkFor(name, datatype, shape, count)));
  const elements = new NestedElements(sinkFor(name, datatype, shape, count));
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

/** The text of a skipped tensor, in one turn or in several. */
export class PassedText {
  readonly #start: number;
  #depth = 0;
  #isInString = false;

  /** @param start its first bracket. */
  constructor(start: number) {
    this.#start = start;
  }

  /** Moves the reader to the end of the tensor; or returns false at `pauseAt` or some bytes after it. */
  pass(reader: JsonReader, pauseAt: number): boolean {
    const { bytes } = reader;
    const end = Math.min(bytes.length, pauseAt);
    let { at } = reader;
    let depth = this.#depth;
    let isInString = this.#isInString;
    while (at < end) {
      const byte = bytes[at++];
      if (isInString) {
        if (byte === backslash) at++;
        else if (byte === quote) isInString = false;
      } else if (byte === quote) isInString = true;
      else if (byte === openBracket) depth++;
      else if (byte === closeBracket && --depth === 0) {
        reader.at = at;
        return true;
      }
    }
    if (at >= bytes.length) throw reader.fail('Missing a comma or ] after an array element.', this.#start);
    reader.at = at;
    this.#depth = depth;
    this.#isInString = isInString;
    return false;
  }
}

const tooFew = (name: string, shape: Shape): InferenceError =>
  invalidArgument(
    `Failed to parse 'data' field: shape does not match true shape, input '${name}' of shape ${shapeText(shape)} has fewer elements`,
  );

/** The elements of one tensor with the brackets and commas between them, read in one turn or in several. */
export class NestedElements {
  readonly #sink: ElementSink;
  #depth = 0;

  constructor(sink: ElementSink) {
    this.#sink = sink;
  }

  /**
   * Reads up to the end; or returns false at the first element after `reader.pauseAt`, where the next call continues.
   */
  read(reader: JsonReader): boolean {
    const sink = this.#sink;
    if (this.#depth === 0 && reader.peek() !== openBracket) throw noArray(reader, sink.name);
    for (;;) {
      if (reader.at >= reader.pauseAt) return false;
      if (!sink.isInElement && reader.peek() === openBracket) {
        if (++this.#depth > maxJsonDepth) throw depthExceeded();
        reader.at++;
        if (reader.peek() !== closeBracket) continue;
      } else {
        sink.readRun(reader);
        if (sink.isInElement) return false;
      }
      let byte = reader.peek();
      while (byte === closeBracket) {
        reader.at++;
        if (--this.#depth === 0) return true;
        byte = reader.peek();
      }
      if (byte !== comma) throw reader.fail('Missing a comma or ] after an array element.');
      reader.at++;
    }
  }

  get heldBytes(): number {
    return this.#sink.heldBytes;
  }

  bytes(): Uint8Array {
    const { index, count, name, shape } = this.#sink;
    if (index < count) throw tooFew(name, shape);
    return this.#sink.bytes();
  }
}

function sinkFor(name: string, datatype: Datatype, shape: Shape, count: number): ElementSink {
  switch (datatype) {
    case 'FP32':
      return new FloatSink(name, datatype, shape, new Float32Array(count), floatLimit);
    case 'FP64':
      return new FloatSink(name, datatype, shape, new Float64Array(count), Number.POSITIVE_INFINITY);
    case 'FP16':
      return new FloatSink(name, datatype, shape, new Uint16Array(count), float16Limit);
    case 'BF16':
      return new FloatSink(name, datatype, shape, new Uint16Array(count), bfloat16Limit);
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
