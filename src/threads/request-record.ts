/**
 * A request and what travels with it, as a record. Bytes of tensors are told by where they lie: in a page already, where
 * the frontend received them into one, or copied into one here.
 */

import type { InferenceRequest, Parameters, ParameterValue, RequestedOutput } from '../inference/request.ts';
import { noParameters, type SequenceControl } from '../inference/request.ts';
import { type Datatype, datatypes } from '../tensor/datatype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Page, PageArena } from './page-arena.ts';
import type { PageTable } from './page-table.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';

const datatypeNames = Object.keys(datatypes) as Datatype[];
const datatypeCodes: ReadonlyMap<Datatype, number> = new Map(datatypeNames.map((name, code) => [name, code]));

export interface RequestTimes {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
}

/** Where a record lies, and what the writer gives back when the other side is done with it. */
export interface WrittenRecord {
  readonly page: Page;
  readonly start: number;
  /** Copies of bytes that lay elsewhere; null when there are none. */
  readonly blocks: Uint8Array[] | null;
}

export function writeRequest(
  arena: PageArena,
  writer: RecordWriter,
  request: InferenceRequest,
  { receivedAtMs, deadlineMs }: RequestTimes,
): WrittenRecord {
  // Copies come first: the record has to know where they are, and its own room must not be cut in two.
  const { inputs, outputs } = request;
  let blocks: Uint8Array[] | null = null;
  for (const { data } of inputs) {
    if (arena.pageOf(data.buffer) !== undefined) continue;
    blocks ??= [];
    blocks.push(copied(arena, data));
  }
  const page = arena.reserve(requestNumbers(request) * 8);
  const { start } = arena;
  writer.begin(page.numbers, page.bytes, start);
  writer.name(request.modelName);
  writer.name(request.modelVersion);
  writer.text(request.id);
  writer.number(receivedAtMs);
  writer.number(deadlineMs);
  writer.number(request.priority);
  writer.number(request.timeoutUs);
  writeSequence(writer, request.sequence);
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
  return { page, start, blocks };
}

/** The bytes of inputs are views on pages; the caller's times are on the clock that all threads share. */
export function readRequest(pages: PageTable, reader: RecordReader): InferenceRequest & RequestTimes {
  const modelName = reader.text();
  const modelVersion = reader.text();
  const id = reader.text();
  const receivedAtMs = reader.number();
  const deadlineMs = reader.number();
  const priority = reader.number();
  const timeoutUs = reader.number();
  const sequence = readSequence(reader);
  const parameters = readParameters(reader);
  const inputCount = reader.number();
  const inputs: Tensor[] = [];
  for (let i = 0; i < inputCount; i++) inputs.push(readTensor(pages, reader));
  const outputCount = reader.number();
  const outputs: RequestedOutput[] = [];
  for (let i = 0; i < outputCount; i++) outputs.push({ name: reader.text(), classificationCount: reader.number() });
  return {
    modelName,
    modelVersion,
    id,
    inputs,
    outputs,
    parameters,
    priority,
    timeoutUs,
    sequence,
    receivedAtMs,
    deadlineMs,
  };
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
  const datatype = datatypeNames[reader.number()] as Datatype;
  const rank = reader.number();
  const shape: number[] = [];
  for (let d = 0; d < rank; d++) shape.push(reader.number());
  const { memory } = pages.find(reader.number());
  const offset = reader.number();
  return { name, datatype, shape, data: new Uint8Array(memory, offset, reader.number()) };
}

/** Numbers that a tensor's part of a record takes at most. */
export const tensorNumbers = ({ name, shape }: Tensor): number => textNumbers(name) + shape.length + 5;

function requestNumbers({
  modelName,
  modelVersion,
  id,
  inputs,
  outputs,
  parameters,
  sequence,
}: InferenceRequest): number {
  let numbers = textNumbers(modelName) + textNumbers(modelVersion) + textNumbers(id) + 16;
  if (sequence !== null) numbers += textNumbers(String(sequence.id));
  numbers += parametersNumbers(parameters);
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
  const count = reader.number();
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

const noSequence = -1;

function writeSequence(writer: RecordWriter, sequence: SequenceControl | null): void {
  if (sequence === null) {
    writer.number(noSequence);
    return;
  }
  const { id, start, end } = sequence;
  writer.number((typeof id === 'bigint' ? 4 : 0) + (start ? 2 : 0) + (end ? 1 : 0));
  writer.text(String(id));
}

function readSequence(reader: RecordReader): SequenceControl | null {
  const flags = reader.number();
  if (flags === noSequence) return null;
  const id = reader.text();
  return { id: flags & 4 ? BigInt(id) : id, start: (flags & 2) !== 0, end: (flags & 1) !== 0 };
}
