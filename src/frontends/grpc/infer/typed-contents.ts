/**
 * Decodes InferTensorContents into the bytes of a tensor, in two passes: the first counts elements and finds the one
 * field that has any, the second writes them into their final place. Both passes can pause at any element.
 */

import { invalidArgument } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import { type Datatype, datatypes } from '../../../tensor/datatype.ts';
import type { WireReader } from '../wire/reader.ts';
import { rangeText, writeVarintElement } from './varint-element.ts';

/** The places of a tensor's `contents` in the message: start and end of each occurrence. */
type ContentRanges = readonly number[];

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

/** Bytes that are examined in one slice; takes about three milliseconds at the worst. */
export const turnWork: number = 128 * 1024;
/** Bytes that can be copied for the cost of one that is examined. */
const copiedPerWork = 16;

/**
 * The typed contents of one tensor, read in slices so that millions of elements do not block the event loop. The position
 * of the shared reader is restored after each slice.
 *
 * `read` throws InferenceError `invalid_argument` for two fields with elements, a field that does not serve the datatype, a
 * value beyond INT8, INT16, UINT8 or UINT16, and malformed bytes.
 */
export class TypedContents {
  readonly #reader: WireReader;
  readonly #ranges: ContentRanges;
  readonly #datatype: Datatype;
  readonly #tensorName: string;
  readonly #modelName: string;
  /** New bytes, owned by the request; empty until all elements are counted, and where there are none. */
  data: Uint8Array = noBytes;
  #view: DataView | null = null;
  /** Of the field that has elements; 0 while none was seen. */
  #field = 0;
  #elements = 0;
  /** Sum of the lengths of bytes_contents. */
  #textBytes = 0;
  /** Where the next element is written. */
  #to = 0;
  /** Index in `ranges` of the one that is walked, -1 before the first. */
  #range = -1;
  #at = 0;
  #limit = 0;
  /** End of the packed numbers that are walked, or of the bytes that are copied; 0 between two fields. */
  #runEnd = 0;
  #isCopied = false;
  #left = 0;

  constructor(reader: WireReader, ranges: ContentRanges, datatype: Datatype, tensorName: string, modelName: string) {
    this.#reader = reader;
    this.#ranges = ranges;
    this.#datatype = datatype;
    this.#tensorName = tensorName;
    this.#modelName = modelName;
  }

  /**
   * Reads on.
   *
   * @param work limit on this slice, in bytes that are examined.
   * @returns the work that is left, at least 1, when `data` is complete; else 0.
   */
  read(work: number): number {
    const reader = this.#reader;
    const { at, limit } = reader;
    this.#left = work;
    if (this.#view === null && this.#walk(false)) this.#allocate();
    const isComplete = this.#view !== null && this.#walk(true);
    reader.at = at;
    reader.limit = limit;
    return isComplete ? Math.max(this.#left, 1) : 0;
  }

  /** @returns false when the slice has used up its work. */
  #walk(isWriting: boolean): boolean {
    const reader = this.#reader;
    reader.at = this.#at;
    reader.limit = this.#limit;
    while (this.#left > 0) {
      const from = reader.at;
      if (this.#runEnd > 0) this.#walkRun(isWriting);
      else if (from < reader.limit) {
        const tag = reader.readTag();
        if (tag >>> 3 > lastField) reader.skipUnknown(tag, lastField);
        else if (isWriting) this.#take(tag);
        else this.#count(tag);
        // At least a tag, and a length or a number.
        this.#left -= 2;
      } else {
        this.#range += 2;
        this.#left -= 1;
        const next = this.#range - 1;
        if (next === this.#ranges.length) {
          this.#range = -1;
          this.#at = 0;
          this.#limit = 0;
          return true;
        }
        reader.at = this.#ranges[next] as number;
        reader.limit = this.#ranges[next + 1] as number;
      }
    }
    this.#at = reader.at;
    this.#limit = reader.limit;
    return false;
  }

  #allocate(): void {
    const datatype = this.#datatype;
    if (this.#elements > 0 && this.#field !== fieldOf[datatype]) {
      const typeName = contentFields[this.#field]?.typeName;
      throw invalidArgument(`${this.#subject()} of type '${typeName}', expected datatype '${datatype}'`);
    }
    const elementBytes = datatypes[datatype].byteSize;
    const byteLength = datatype === 'BYTES' ? this.#textBytes + 4 * this.#elements : this.#elements * elementBytes;
    if (byteLength > maxTensorBytes) {
      throw invalidArgument(`${this.#subject()}: ${byteLength} bytes exceed the limit of ${maxTensorBytes}`);
    }
    this.data = byteLength === 0 ? noBytes : new Uint8Array(byteLength);
    this.#view = new DataView(this.data.buffer);
  }

  /** Elements of one occurrence of a field. */
  #count(tag: number): void {
    const reader = this.#reader;
    const field = tag >>> 3;
    const { element } = contentFields[field] as ContentField;
    if ((tag & 7) === 2) {
      const length = reader.readLength();
      const start = reader.at;
      if (element === 'varint') {
        if (length === 0) return;
        this.#tally(field, 0);
        this.#runEnd = start + length;
        return;
      }
      reader.advance(length);
      if (element === 'bytes') {
        this.#textBytes += length;
        this.#tally(field, 1);
      } else {
        const width = element === 'fixed32' ? 4 : 8;
        if (length % width !== 0) throw reader.malformed(`a packed field is no multiple of ${width} bytes`);
        if (length > 0) this.#tally(field, length / width);
      }
      return;
    }
    if (element === 'varint' && (tag & 7) === 0) reader.readVarint();
    else if (element === 'fixed32' && (tag & 7) === 5) reader.advance(4);
    else if (element === 'fixed64' && (tag & 7) === 1) reader.advance(8);
    else reader.skipUnknown(tag, lastField);
    this.#tally(field, 1);
  }

  #tally(field: number, elements: number): void {
    if (this.#field !== 0 && this.#field !== field) {
      throw invalidArgument(`${this.#subject()}, binary data was already supplied.`);
    }
    this.#field = field;
    this.#elements += elements;
  }

  /** Field and sizes have been counted before. */
  #take(tag: number): void {
    const reader = this.#reader;
    const { element } = contentFields[tag >>> 3] as ContentField;
    const isPacked = (tag & 7) === 2;
    if (element === 'bytes') {
      const length = reader.readLength();
      (this.#view as DataView).setUint32(this.#to, length, true);
      this.#to += 4;
      this.#copy(length);
    } else if (element !== 'varint') this.#copy(isPacked ? reader.readLength() : element === 'fixed32' ? 4 : 8);
    else if (isPacked) {
      const length = reader.readLength();
      this.#isCopied = false;
      if (length > 0) this.#runEnd = reader.at + length;
    } else this.#takeVarint(reader);
  }

  /** Goes on in the packed numbers, or with the copy, as far as the work goes. */
  #walkRun(isWriting: boolean): void {
    const reader = this.#reader;
    const from = reader.at;
    if (isWriting && this.#isCopied) {
      const to = Math.min(this.#runEnd, from + this.#left * copiedPerWork);
      this.data.set(reader.bytes.subarray(from, to), this.#to);
      this.#to += to - from;
      reader.at = to;
      this.#left -= Math.ceil((to - from) / copiedPerWork);
    } else {
      const to = Math.min(this.#runEnd, from + this.#left);
      if (isWriting) {
        const { limit } = reader;
        reader.limit = this.#runEnd;
        while (reader.at < to) this.#takeVarint(reader);
        reader.limit = limit;
      } else {
        const { bytes } = reader;
        let elements = 0;
        for (let i = from; i < to; i++) if ((bytes[i] as number) < 0x80) elements++;
        this.#elements += elements;
        reader.at = to;
      }
      this.#left -= reader.at - from;
    }
    if (reader.at === this.#runEnd) this.#runEnd = 0;
  }

  /** Protobuf's fixed-width numbers and the tensors' are both little-endian. */
  #copy(length: number): void {
    const reader = this.#reader;
    if (length > maxLooped) {
      if (length > reader.limit - reader.at) reader.advance(length);
      this.#isCopied = true;
      this.#runEnd = reader.at + length;
      return;
    }
    const start = reader.at;
    reader.advance(length);
    // A view for each short element would take longer than its bytes.
    const { data } = this;
    const { bytes } = reader;
    const to = this.#to;
    for (let i = 0; i < length; i++) data[to + i] = bytes[start + i] as number;
    this.#to = to + length;
    this.#left -= length;
  }

  #subject(): string {
    return `unexpected explicit tensor data for input tensor '${shownText(this.#tensorName)}' for model '${shownText(this.#modelName)}'`;
  }

  #takeVarint(reader: WireReader): void {
    const datatype = this.#datatype;
    const to = writeVarintElement(reader, datatype, this.data, this.#view as DataView, this.#to);
    if (to < 0) {
      const range = rangeText(datatype);
      throw invalidArgument(`${this.#subject()}: an element is outside the range of datatype '${datatype}', ${range}`);
    }
    this.#to = to;
  }
}
