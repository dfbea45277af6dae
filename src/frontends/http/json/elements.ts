/** The elements of a tensor while they are read from JSON, one class per group of datatypes; see `tensor-elements.ts`. */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import type { Datatype } from '../../../tensor/datatype.ts';
import { type Shape, shapeText } from '../../../tensor/shape.ts';
import { type JsonKind, wrongKindText } from './errors.ts';
import type { JsonReader } from './reader.ts';

const comma = 0x2c;
const openBracket = 0x5b;
const openBrace = 0x7b;

/** Takes the elements of one tensor, in order; `Target` is its memory. */
export abstract class Elements<Target extends ArrayBufferView = ArrayBufferView> {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: Shape;
  readonly count: number;
  /** The elements as they stand in the tensor, of which `index` are read. */
  protected target: Target;
  index = 0;
  /** The reader is inside a long element; the next `readRun` continues there. */
  isInElement = false;

  constructor(name: string, datatype: Datatype, shape: Shape, count: number, target: Target) {
    this.name = name;
    this.datatype = datatype;
    this.shape = shape;
    this.count = count;
    this.target = target;
  }

  /** Reads elements and the commas between them, up to the first comma before a bracket, or to another character. */
  abstract readRun(reader: JsonReader): void;

  bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.target;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  /** Memory that is taken for the elements. */
  get heldBytes(): number {
    return this.target.byteLength;
  }

  tooMany(): InferenceError {
    return invalidArgument(
      `Unable to parse 'data': Shape does not match true shape of 'data' field, input '${shownText(this.name)}' of shape ${shapeText(this.shape)} has more elements`,
    );
  }

  outOfRange(): InferenceError {
    return invalidArgument(
      `Unable to parse 'data': element ${this.index} of input '${shownText(this.name)}' is out of range for ${this.datatype}`,
    );
  }
}

/** Consumes a comma when another element, not an array, follows it. */
export function continuesRun(reader: JsonReader): boolean {
  const { bytes } = reader;
  let byte = bytes[reader.at];
  if (byte !== comma) {
    if (reader.peek() !== comma) return false;
    byte = comma;
  }
  const commaAt = reader.at++;
  const next = bytes[reader.at];
  if (next !== 0x20 && next !== openBracket && next !== 0x0a && next !== 0x0d && next !== 0x09) return true;
  if (reader.peek() !== openBracket) return true;
  reader.at = commaAt;
  return false;
}

/** The error for a value of another kind at the reader, or for no value. */
export function wrongElement(reader: JsonReader, elements: Elements, kind: JsonKind): InferenceError {
  const start = reader.at;
  const byte = reader.peek();
  try {
    // The beginning of an array or object is enough, whatever its length.
    if (byte !== openBracket && byte !== openBrace) reader.skip(0);
  } catch (error) {
    return error as InferenceError;
  }
  reader.at = start;
  const what = elements.datatype === 'BYTES' ? 'JSON bytes array' : "'data'";
  const hint = byte === 0x6e && kind === 'double' ? '; null is no number, write NaN or Infinity as bare words' : '';
  return invalidArgument(
    `Unable to parse ${what}: ${wrongKindText(kind)}, element ${elements.index} of input '${shownText(elements.name)}' of ${elements.datatype}${hint}`,
  );
}

/** The error for a value of `data` that is no array. */
export function noArray(reader: JsonReader, name: string): InferenceError {
  const isObject = reader.peek() === openBrace;
  if (!isObject) reader.skip(0);
  const hint = isObject ? '; JSON.stringify makes an object of a typed array: take Array.from(values)' : '';
  return invalidArgument(`Unable to parse 'data': ${wrongKindText('array')}, input '${shownText(name)}'${hint}`);
}
