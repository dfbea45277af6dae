/**
 * Decodes InferTensorContents into the bytes of a tensor, in two passes: the first counts elements and finds the one
 * field that has any, the second writes them into their final place.
 */

import { invalidArgument } from '../../../errors.ts';
import { type Datatype, datatypes } from '../../../tensor/datatype.ts';
import type { WireReader } from '../wire/reader.ts';

/** The places of a tensor's `contents` in the message: start and end of each occurrence. */
export type ContentRanges = readonly number[];

interface ContentField {
  /** The name in error messages. */
  readonly typeName: string;
  readonly element: 'varint' | 'fixed32' | 'fixed64' | 'bytes';
}

/** By field number of InferTensorContents. */
const contentFields: readonly (ContentField | null)[] = [
  null,
  { typeName: 'BOOL', element: 'varint' },
  { typeName: 'INT32', element: 'varint' },
  { typeName: 'INT64', element: 'varint' },
  { typeName: 'UINT32', element: 'varint' },
  { typeName: 'UINT64', element: 'varint' },
  { typeName: 'FP32', element: 'fixed32' },
  { typeName: 'FP64', element: 'fixed64' },
  { typeName: 'BYTES', element: 'bytes' },
];

const lastField = contentFields.length - 1;

/** The field that serves a datatype; FP16 and BF16 have none. */
const fieldOf: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
  FP16: 0,
  BF16: 0,
};

/** Up to this many bytes a loop is faster than a call that copies them. */
const maxLooped = 48;

const maxTensorBytes = 2 ** 31 - 1;

const noBytes = new Uint8Array(0);

interface Counted {
  /** 0 while no element was seen. */
  field: number;
  elements: number;
  /** Sum of the lengths of bytes_contents. */
  bytes: number;
}

/**
 * @returns New bytes, owned by the request; empty when there is no element.
 * @throws InferenceError `invalid_argument` for two fields with elements, a field that does not serve the datatype, a
 *         value beyond INT8, INT16, UINT8 or UINT16, and malformed bytes.
 */
export function readTypedContents(
  reader: WireReader,
  ranges: ContentRanges,
  datatype: Datatype,
  tensorName: string,
  modelName: string,
): Uint8Array {
  const subject = `unexpected explicit tensor data for input tensor '${tensorName}' for model '${modelName}'`;
  const counted: Counted = { field: 0, elements: 0, bytes: 0 };
  forEachField(reader, ranges, (tag) => count(reader, tag, counted, subject));
  if (counted.elements === 0) return noBytes;
  if (counted.field !== fieldOf[datatype]) {
    const typeName = contentFields[counted.field]?.typeName;
    throw invalidArgument(`${subject} of type '${typeName}', expected datatype '${datatype}'`);
  }
  const byteLength =
    datatype === 'BYTES' ? counted.bytes + 4 * counted.elements : counted.elements * datatypes[datatype].byteSize;
  if (byteLength > maxTensorBytes) {
    throw invalidArgument(`${subject}: ${byteLength} bytes exceed the limit of ${maxTensorBytes}`);
  }
  const data = new Uint8Array(byteLength);
  const sink = new ContentsWriter(data, datatype, subject);
  forEachField(reader, ranges, (tag) => sink.take(reader, tag));
  return data;
}

function forEachField(reader: WireReader, ranges: ContentRanges, visit: (tag: number) => void): void {
  const { at, limit } = reader;
  for (let i = 0; i < ranges.length; i += 2) {
    reader.at = ranges[i] as number;
    reader.limit = ranges[i + 1] as number;
    while (reader.at < reader.limit) {
      const tag = reader.readTag();
      if (tag >>> 3 > lastField) reader.skipUnknown(tag, lastField);
      else visit(tag);
    }
  }
  reader.at = at;
  reader.limit = limit;
}

/** Counts the elements of one occurrence of a field and moves the reader to its end. */
function count(reader: WireReader, tag: number, counted: Counted, subject: string): void {
  const field = tag >>> 3;
  const { element } = contentFields[field] as ContentField;
  let elements = 1;
  if ((tag & 7) === 2) {
    const length = reader.readLength();
    const start = reader.at;
    reader.advance(length);
    if (element === 'bytes') counted.bytes += length;
    else elements = packedElements(reader, start, element);
  } else if (element === 'varint' && (tag & 7) === 0) reader.readVarint();
  else if (element === 'fixed32' && (tag & 7) === 5) reader.advance(4);
  else if (element === 'fixed64' && (tag & 7) === 1) reader.advance(8);
  else reader.skipUnknown(tag, lastField);
  if (elements === 0) return;
  if (counted.field !== 0 && counted.field !== field) {
    throw invalidArgument(`${subject}, binary data was already supplied.`);
  }
  counted.field = field;
  counted.elements += elements;
}

function packedElements(reader: WireReader, start: number, element: ContentField['element']): number {
  const { bytes, at: end } = reader;
  if (element === 'varint') {
    let elements = 0;
    for (let i = start; i < end; i++) if ((bytes[i] as number) < 0x80) elements++;
    return elements;
  }
  const width = element === 'fixed32' ? 4 : 8;
  if ((end - start) % width !== 0) throw reader.malformed(`a packed field is no multiple of ${width} bytes`);
  return (end - start) / width;
}

/** Writes elements one after the other. They were counted before. */
class ContentsWriter {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #datatype: Datatype;
  readonly #subject: string;
  #to = 0;

  constructor(data: Uint8Array, datatype: Datatype, subject: string) {
    this.#data = data;
    this.#view = new DataView(data.buffer);
    this.#datatype = datatype;
    this.#subject = subject;
  }

  take(reader: WireReader, tag: number): void {
    const { element } = contentFields[tag >>> 3] as ContentField;
    const isPacked = (tag & 7) === 2;
    if (element === 'bytes') this.#takeText(reader);
    else if (element !== 'varint') this.#copy(reader, isPacked ? reader.readLength() : element === 'fixed32' ? 4 : 8);
    else if (!isPacked) this.#takeVarint(reader);
    else {
      const outer = reader.enter();
      while (reader.at < reader.limit) this.#takeVarint(reader);
      reader.leave(outer);
    }
  }

  #takeText(reader: WireReader): void {
    const length = reader.readLength();
    this.#view.setUint32(this.#to, length, true);
    this.#to += 4;
    this.#copy(reader, length);
  }

  /** Protobuf's fixed-width numbers and the tensors' are both little-endian. */
  #copy(reader: WireReader, length: number): void {
    const start = reader.at;
    reader.advance(length);
    const data = this.#data;
    const { bytes } = reader;
    const to = this.#to;
    // A view for each short element would take longer than its bytes.
    if (length > maxLooped) data.set(bytes.subarray(start, start + length), to);
    else for (let i = 0; i < length; i++) data[to + i] = bytes[start + i] as number;
    this.#to = to + length;
  }

  #takeVarint(reader: WireReader): void {
    reader.readVarint();
    const { low } = reader;
    const to = this.#to;
    switch (this.#datatype) {
      case 'BOOL':
        this.#data[to] = (low | reader.high) !== 0 ? 1 : 0;
        this.#to = to + 1;
        return;
      case 'INT8':
      case 'UINT8':
        this.#data[to] = this.#within(low);
        this.#to = to + 1;
        return;
      case 'INT16':
      case 'UINT16':
        this.#view.setUint16(to, this.#within(low), true);
        this.#to = to + 2;
        return;
      case 'INT32':
      case 'UINT32':
        this.#view.setUint32(to, low, true);
        this.#to = to + 4;
        return;
      default:
        this.#view.setUint32(to, low, true);
        this.#view.setUint32(to + 4, reader.high, true);
        this.#to = to + 8;
    }
  }

  /** Refuses a value that does not fit. Triton silently uses the low bits. */
  #within(low: number): number {
    const datatype = this.#datatype;
    const bits = datatype === 'INT8' || datatype === 'UINT8' ? 8 : 16;
    const isSigned = datatype === 'INT8' || datatype === 'INT16';
    const value = isSigned ? low | 0 : low;
    const least = isSigned ? -(2 ** (bits - 1)) : 0;
    const most = isSigned ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
    if (value >= least && value <= most) return value;
    throw invalidArgument(
      `${this.#subject}: an element is outside the range of datatype '${datatype}', ${least}…${most}`,
    );
  }
}
