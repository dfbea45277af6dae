/** An answer as a record: a response whose outputs are in pages, or an error. */

import { errorCodes, InferenceError } from '../../errors.ts';
import type { InferenceResponse, OutputTensor } from '../../inference/response.ts';
import { tensorBytes } from '../../tensor/tensor-bytes.ts';
import type { PageArena } from '../pages/page-arena.ts';
import type { PageTable } from '../pages/page-table.ts';
import {
  noPlaces,
  type PageBytes,
  placeTensors,
  readTensor,
  tensorNumbers,
  WrittenRecord,
  writeTensor,
} from './placed-tensors.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';
import { parametersNumbers, readParameters, writeParameters } from './request-record.ts';

const noLabels: readonly string[] = [];

/** The response may be released afterwards. */
export function writeResponse(arena: PageArena, writer: RecordWriter, response: InferenceResponse): WrittenRecord {
  const { outputs } = response;
  const places = placeTensors(arena, outputs);
  const numbers = responseNumbers(response);
  const page = arena.reserve(numbers * 8);
  const { start } = arena;
  writer.begin(page.numbers, page.bytes, start, numbers);
  writer.name(response.modelName);
  writer.name(response.modelVersion);
  writer.text(response.id);
  writer.number(response.isBatched ? 1 : 0);
  writeParameters(writer, response.parameters);
  writer.number(outputs.length);
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as OutputTensor;
    writeTensor(writer, output, places[i] as PageBytes);
    writer.number(output.classificationCount);
    const labels = labelsOf(output);
    writer.number(labels.length);
    for (const label of labels) writer.text(label);
  }
  // The outputs are copied besides the record.
  return new WrittenRecord(page, start, places, tensorBytes(outputs) + numbers * 8);
}

/** @param release for the returned response; see `InferenceResponse`. */
export function readResponse(pages: PageTable, reader: RecordReader, release: () => void): InferenceResponse {
  const modelName = reader.text();
  const modelVersion = reader.text();
  const id = reader.text();
  const isBatched = reader.number() === 1;
  const parameters = readParameters(reader);
  const outputs: OutputTensor[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const { name, datatype, shape, data } = readTensor(pages, reader);
    const classificationCount = reader.number();
    const count = reader.count();
    const labels = count === 0 ? noLabels : Array.from({ length: count }, () => reader.text());
    outputs.push({ name, datatype, shape, data, classificationCount, labels });
  }
  return { modelName, modelVersion, id, isBatched, parameters, outputs, release };
}

/** Labels are sent only with outputs that are to be classified. */
const labelsOf = ({ classificationCount, labels }: OutputTensor): readonly string[] =>
  classificationCount > 0 ? labels : noLabels;

function responseNumbers(response: InferenceResponse): number {
  const { modelName, modelVersion, id, outputs, parameters } = response;
  let numbers = textNumbers(modelName) + textNumbers(modelVersion) + textNumbers(id) + 5;
  numbers += parametersNumbers(parameters);
  for (const output of outputs) {
    numbers += tensorNumbers(output) + 2;
    for (const label of labelsOf(output)) numbers += textNumbers(label);
  }
  return numbers;
}

export function writeError(arena: PageArena, writer: RecordWriter, error: InferenceError): WrittenRecord {
  const numbers = textNumbers(error.message) + 2;
  const page = arena.reserve(numbers * 8);
  const { start } = arena;
  writer.begin(page.numbers, page.bytes, start, numbers);
  writer.number(errorCodes.indexOf(error.code));
  writer.text(error.message);
  return new WrittenRecord(page, start, noPlaces, 0);
}

export function readError(reader: RecordReader): InferenceError {
  const code = errorCodes[reader.number()];
  if (code === undefined) throw new RangeError('an error in a record has no code');
  return new InferenceError(code, reader.text());
}
