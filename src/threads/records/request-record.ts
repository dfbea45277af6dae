/**
 * A request and its context as a record. Tensors that the frontend received into a page are read there; see
 * `placed-tensors.ts`.
 */

import type { InferenceRequest, Parameters, ParameterValue, RequestedOutput } from '../../inference/request.ts';
import { noParameters, RequestDraft } from '../../inference/request.ts';
import { noConnection } from '../../inference/connection-accounts.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { PageArena } from '../pages/page-arena.ts';
import type { PageTable } from '../pages/page-table.ts';
import {
  bytesToCopy,
  type PageBytes,
  placeTensors,
  readTensor,
  tensorNumbers,
  WrittenRecord,
  writeTensor,
} from './placed-tensors.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';
import { fieldNumbers, readFields, writeFields } from './record-fields.ts';

/** The part of the context that crosses. */
export interface RequestOrigin {
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  /** See `InferenceContext`. */
  readonly connection?: number;
}

export function writeRequest(
  arena: PageArena,
  writer: RecordWriter,
  request: InferenceRequest,
  { receivedAtMs, deadlineMs, connection = noConnection }: RequestOrigin,
): WrittenRecord {
  // Copies are made first: the record contains their places, and its own room must be contiguous.
  const { inputs, outputs } = request;
  const copies = bytesToCopy(arena, inputs);
  const places = placeTensors(arena, inputs);
  const numbers = requestNumbers(request);
  const page = arena.reserve(numbers * 8);
  const { start } = arena;
  writer.begin(page.numbers, page.bytes, start, numbers);
  writer.name(request.modelName);
  writer.name(request.modelVersion);
  writer.text(request.id);
  writer.number(receivedAtMs);
  writer.number(deadlineMs);
  writer.number(connection);
  writer.number(request.heldBytes + copies);
  writeFields(writer, request);
  writeParameters(writer, request.parameters);
  writer.number(inputs.length);
  for (let i = 0; i < inputs.length; i++) writeTensor(writer, inputs[i] as Tensor, places[i] as PageBytes);
  writer.number(outputs.length);
  for (const { name, classificationCount } of outputs) {
    writer.name(name);
    writer.number(classificationCount);
  }
  return new WrittenRecord(page, start, places, copies);
}

class ReadRequest extends RequestDraft implements RequestOrigin {
  receivedAtMs = 0;
  deadlineMs = 0;
  connection = noConnection;
}

/** The bytes of inputs are parts of pages; the caller's times are on the clock that all threads share. */
export function readRequest(pages: PageTable, reader: RecordReader): InferenceRequest & Required<RequestOrigin> {
  const request = new ReadRequest();
  request.modelName = reader.text();
  request.modelVersion = reader.text();
  request.id = reader.text();
  request.receivedAtMs = reader.number();
  request.deadlineMs = reader.number();
  request.connection = reader.number();
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

function requestNumbers(request: InferenceRequest): number {
  const { modelName, modelVersion, id, inputs, outputs, parameters } = request;
  // The length of the record, the times, the connection, the held bytes, and the numbers of inputs and outputs.
  let numbers = textNumbers(modelName) + textNumbers(modelVersion) + textNumbers(id) + 7;
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
