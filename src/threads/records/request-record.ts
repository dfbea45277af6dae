/**
 * A request and its context as a record. Tensor bytes are given by their place: in a page already, if the frontend
 * received them into one, or copied into one here.
 */

import type { InferenceRequest, Parameters, ParameterValue, RequestedOutput } from '../../inference/request.ts';
import { noParameters, RequestDraft } from '../../inference/request.ts';
import { type Datatype, datatypes } from '../../tensor/datatype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Page, PageArena } from '../pages/page-arena.ts';
import type { PageTable } from '../pages/page-table.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';
import { fieldNumbers, readFields, writeFields } from './record-fields.ts';

const datatypeNames = Object.keys(datatypes) as Datatype[];
const datatypeCodes: ReadonlyMap<Datatype, number> = new Map(datatypeNames.map((name, code) => [name, code]));

export interface RequestTimes {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
}

/** The place of a record, and the memory that the writer releases when the other side has read it. */
export interface WrittenRecord {
  readonly page: Page;
  readonly start: number;
  /** Copies of bytes that were in no page; null when there are none. */
  readonly blocks: Uint8Array[] | null;
  /** The size of all copies. */
  readonly copiedBytes: number;
}

export function writeRequest(
  arena: PageArena,
  writer: RecordWriter,
  request: InferenceRequest,
  { receivedAtMs, deadlineMs }: RequestTimes,
): WrittenRecord {
  // Copies are made first: the record contains their places, and its own room must be contiguous.
  const { inputs, outputs } = request;
  let blocks: Uint8Array[] | null = null;
  let copiedBytes = 0;
  for (const { data } of inputs) {
    if (arena.pageOf(data.buffer) !== undefined) continue;
    blocks ??= [];
    blocks.push(copied(arena, data));
    copiedBytes += data.length;
  }
  const numbers = requestNumbers(request);
  const page = arena.reserve(numbers * 8);
  const { start } = arena;
  writer.begin(page.numbers, page.bytes, start, numbers);
  writer.name(request.modelName);
  writer.name(request.modelVersion);
  writer.text(request.id);
  writer.number(receivedAtMs);
  writer.number(deadlineMs);
  writer.number(request.heldBytes + copiedBytes);
  writeFields(writer, request);
  writeParameters(writer, request.parameters);
  writer.number(inputs.length);
  let copies = 0;
  for (const tensor of inputs) {
    const isThere = arena.pageOf(tensor.data.buffer) !== undefined;
    writeTensor(arena, writer, tensor, isThere ? tensor.data : (blocks?.[copies++] as Uint8Array));
  }
  writer.number(outputs.length);
  for (const { name, classificationCount } of outputs) {
    writer.name(name);
    writer.number(classificationCount);
  }
  return { page, start, blocks, copiedBytes };
}

class ReadRequest extends RequestDraft implements RequestTimes {
  receivedAtMs = 0;
  deadlineMs = 0;
}

/** The bytes of inputs are views on pages; the caller's times are on the clock that all threads share. */
export function readRequest(pages: PageTable, reader: RecordReader): InferenceRequest & RequestTimes {
  const request = new ReadRequest();
  request.modelName = reader.text();
  request.modelVersion = reader.text();
  request.id = reader.text();
  request.receivedAtMs = reader.number();
  request.deadlineMs = reader.number();
  request.heldBytes = reader.number();
  readFields(reader, request);
  request.parameters = readParameters(reader);
  const inputCount = reader.count();
  const inputs: Tensor[] = [];
  for (let i = 0; i < inputCount; i++) inputs.push(readTensor(pages, reader));
  request.inputs = inputs;
  const outputCount = reader.count();
  const outputs: RequestedOutput[] = [];
  for (let i = 0; i < outputCount; i++) outputs.push({ name: reader.text(), classificationCount: reader.number() });
  request.outputs = outputs;
  return request;
}

export function copied(arena: PageArena, data: Uint8Array): Uint8Array {
  const block = arena.take(data.length);
  block.set(data);
  return block;
}

/** `bytes` are the tensor's, in a page of the arena. */
export function writeTensor(arena: PageArena, writer: RecordWriter, tensor: Tensor, bytes: Uint8Array): void {
  writer.name(tensor.name);
  writer.number(datatypeCodes.get(tensor.datatype) as number);
  const { shape } = tensor;
  writer.number(shape.length);
  for (let d = 0; d < shape.length; d++) writer.number(shape[d] as number);
  writer.number((arena.pageOf(bytes.buffer) as Page).id);
  writer.number(bytes.byteOffset);
  writer.number(bytes.length);
}

export function readTensor(pages: PageTable, reader: RecordReader): Tensor {
  const name = reader.text();
  const datatype = datatypeNames[reader.number()];
  if (datatype === undefined) throw new RangeError('a tensor in a record has no datatype');
  const rank = reader.count();
  const shape: number[] = [];
  for (let d = 0; d < rank; d++) shape.push(reader.number());
  const { memory } = pages.find(reader.number());
  const offset = reader.number();
  // Bytes outside of the page are a RangeError.
  return { name, datatype, shape, data: new Uint8Array(memory, offset, reader.number()) };
}

/** The most numbers that a tensor takes in a record. */
export const tensorNumbers = ({ name, shape }: Tensor): number => textNumbers(name) + shape.length + 5;

function requestNumbers(request: InferenceRequest): number {
  const { modelName, modelVersion, id, inputs, outputs, parameters } = request;
  // The length of the record, the times, the held bytes, and the numbers of inputs and outputs.
  let numbers = textNumbers(modelName) + textNumbers(modelVersion) + textNumbers(id) + 6;
  numbers += fieldNumbers(request) + parametersNumbers(parameters);
  for (const input of inputs) numbers += tensorNumbers(input);
  for (const { name } of outputs) numbers += textNumbers(name) + 1;
  return numbers;
}

const kinds = ['boolean', 'number', 'bigint', 'string'] as const;

export function parametersNumbers(parameters: Parameters): number {
  let numbers = 1;
  if (parameters.size === 0) return numbers;
  for (const [key, value] of parameters) numbers += textNumbers(key) + 1 + textNumbers(String(value));
  return numbers;
}

export function writeParameters(writer: RecordWriter, parameters: Parameters): void {
  writer.number(parameters.size);
  if (parameters.size === 0) return;
  for (const [key, value] of parameters) {
    writer.name(key);
    writer.number(kinds.indexOf(typeof value as (typeof kinds)[number]));
    if (typeof value === 'number' || typeof value === 'boolean') writer.number(Number(value));
    else writer.text(String(value));
  }
}

export function readParameters(reader: RecordReader): Parameters {
  const count = reader.count();
  if (count === 0) return noParameters;
  const parameters = new Map<string, ParameterValue>();
  for (let i = 0; i < count; i++) {
    const key = reader.text();
    parameters.set(key, readParameter(reader));
  }
  return parameters;
}

function readParameter(reader: RecordReader): ParameterValue {
  switch (kinds[reader.number()]) {
    case 'boolean':
      return reader.number() === 1;
    case 'number':
      return reader.number();
    case 'bigint':
      return BigInt(reader.text());
    default:
      return reader.text();
  }
}
