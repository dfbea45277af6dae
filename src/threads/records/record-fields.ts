/**
 * The parameters of a request in a record, by the table of `inference/request-fields.ts`. A new field needs no line
 * here.
 */

import type { InferenceRequest, RequestDraft } from '../../inference/request.ts';
import { type FieldType, type FieldValue, type RequestField, requestFields } from '../../inference/request-fields.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';

interface ValueCodec {
  /** The most numbers that a value takes. */
  size(value: FieldValue): number;
  write(writer: RecordWriter, value: FieldValue): void;
  read(reader: RecordReader): FieldValue;
}

const text: ValueCodec = {
  size: (value) => textNumbers(String(value)),
  write: (writer, value) => writer.text(String(value)),
  read: (reader) => reader.text(),
};

const codecs: Readonly<Record<FieldType, ValueCodec>> = {
  flag: {
    size: () => 1,
    write: (writer, value) => writer.number(value ? 1 : 0),
    read: (reader) => reader.number() === 1,
  },
  count: {
    size: () => 1,
    write: (writer, value) => writer.number(value as number),
    read: (reader) => reader.number(),
  },
  correlation: {
    size: (value) => 1 + text.size(value),
    write(writer, value) {
      writer.number(typeof value === 'bigint' ? 1 : 0);
      text.write(writer, value);
    },
    read(reader) {
      const isNumber = reader.number() === 1;
      const id = reader.text();
      return isNumber ? BigInt(id) : id;
    },
  },
  text,
};

interface CrossingField {
  readonly get: (request: InferenceRequest) => FieldValue | null;
  readonly set: (request: RequestDraft, value: FieldValue) => void;
  readonly codec: ValueCodec;
  /** The bit of the field in the set of present fields; up to 31 fields fit. */
  readonly bit: number;
}

const crossing: readonly CrossingField[] = requestFields
  .filter((field): field is RequestField & { readonly get: NonNullable<RequestField['get']> } => field.get !== null)
  .map(({ get, set, type }, index) => ({ get, set, codec: codecs[type], bit: 2 ** index }));

/** The most numbers that the fields of the request take. */
export function fieldNumbers(request: InferenceRequest): number {
  let numbers = 1;
  for (let i = 0; i < crossing.length; i++) {
    const { get, codec } = crossing[i] as CrossingField;
    const value = get(request);
    if (value !== null) numbers += codec.size(value);
  }
  return numbers;
}

/** Writes the set of present fields and their values. */
export function writeFields(writer: RecordWriter, request: InferenceRequest): void {
  let present = 0;
  for (let i = 0; i < crossing.length; i++) {
    const { get, bit } = crossing[i] as CrossingField;
    if (get(request) !== null) present += bit;
  }
  writer.number(present);
  if (present === 0) return;
  for (const { get, codec } of crossing) {
    const value = get(request);
    if (value !== null) codec.write(writer, value);
  }
}

export function readFields(reader: RecordReader, request: RequestDraft): void {
  const present = reader.number();
  if (present === 0) return;
  for (const { set, codec, bit } of crossing) if ((present & bit) !== 0) set(request, codec.read(reader));
}
