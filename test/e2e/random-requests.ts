/**
 * Requests at random for the models of `placeModels`: good ones, and ones with one or two things wrong. Each is one request for
 * both protocols: JSON over HTTP, a message with raw contents over gRPC where it can be said there.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

export interface RandomTensor {
  name: string;
  datatype: string;
  shape: number[];
  data: (number | string | boolean | null)[];
}

export interface RandomRequest {
  model: string;
  version: string;
  id: string;
  inputs: RandomTensor[];
  outputs: { name: string; classes: number }[];
  /** Parameters of the request. */
  parameters: Record<string, number | string | boolean>;
  /** What was done to it, for the message of a failure. */
  readonly done: string[];
}

interface Kind {
  readonly datatype: string;
  readonly code: number;
  readonly values: readonly (number | string | boolean)[];
}

const kinds: Readonly<Record<string, Kind>> = {
  ints: { datatype: 'INT32', code: elem.int32, values: [0, 1, -7, 2 ** 31 - 1, -(2 ** 31)] },
  longs: { datatype: 'INT64', code: elem.int64, values: [0, 5, -9007199254740991] },
  bytes: { datatype: 'UINT8', code: elem.uint8, values: [0, 1, 255] },
  floats: { datatype: 'FP32', code: elem.float, values: [0, 0.5, -1.25, 3] },
  doubles: { datatype: 'FP64', code: elem.double, values: [0, 0.1, -1e300] },
  bools: { datatype: 'BOOL', code: elem.bool, values: [true, false] },
  texts: { datatype: 'BYTES', code: elem.string, values: ['', 'a', 'grüße'] },
};

const maxBatchSize = 4;
const columns = 2;
const names = Object.keys(kinds);

/** `ints` and the others give their two inputs back, in batches; `whole_ints` and the others without a batch dimension. */
export async function placeModels(repository: string): Promise<void> {
  for (const [name, { datatype, code }] of Object.entries(kinds)) {
    for (const isBatched of [true, false]) {
      const type = tensorType(code, isBatched ? ['batch', columns] : [columns]);
      const bytes = model({
        nodes: [node('Identity', ['A'], ['X']), node('Identity', ['B'], ['Y'])],
        inputs: [valueInfo('A', type), valueInfo('B', type)],
        outputs: [valueInfo('X', type), valueInfo('Y', type)],
      });
      const folder = join(repository, isBatched ? name : `whole_${name}`);
      const tensors = (words: readonly string[]): string =>
        words
          .map(
            (word) => `{ name: "${word}" data_type: TYPE_${datatype.replace('BYTES', 'STRING')} dims: [${columns}] }`,
          )
          .join(', ');
      await mkdir(join(folder, '1'), { recursive: true });
      await writeFile(join(folder, '1', 'model.onnx'), bytes);
      await writeFile(
        join(folder, 'config.pbtxt'),
        `platform: "onnxruntime_onnx"\nmax_batch_size: ${isBatched ? maxBatchSize : 0}
input [ ${tensors(['A', 'B'])} ]
output [ ${tensors(['X', 'Y'])} ]
instance_group [ { count: 1 kind: KIND_CPU } ]
`,
      );
    }
  }
}

const anyGood: fc.Arbitrary<RandomRequest> = fc
  .record({
    kind: fc.constantFrom(...names),
    isBatched: fc.boolean(),
    rows: fc.integer({ min: 1, max: maxBatchSize }),
    picks: fc.array(fc.nat(), { minLength: 2 * columns * maxBatchSize, maxLength: 2 * columns * maxBatchSize }),
    version: fc.constantFrom('', '', '1'),
    id: fc.constantFrom('', 'x', 'ü 1'),
    outputs: fc.subarray(['X', 'Y']),
  })
  .map(({ kind, isBatched, rows, picks, version, id, outputs }) => {
    const { datatype, values } = kinds[kind] as Kind;
    const shape = isBatched ? [rows, columns] : [columns];
    const count = shape.reduce((product, extent) => product * extent, 1);
    const tensor = (name: string, from: number): RandomTensor => ({
      name,
      datatype,
      shape: [...shape],
      data: picks.slice(from, from + count).map((pick) => values[pick % values.length] as number),
    });
    return {
      model: isBatched ? kind : `whole_${kind}`,
      version,
      id,
      inputs: [tensor('A', 0), tensor('B', count)],
      outputs: outputs.map((name) => ({ name, classes: 0 })),
      parameters: {},
      done: [],
    };
  });

type Change = readonly [name: string, act: (request: RandomRequest, at: number) => void];

const tensorAt = ({ inputs }: RandomRequest, at: number): RandomTensor | undefined => inputs[at % inputs.length];

const changes: readonly Change[] = [
  ['unknown model', (request) => void Object.assign(request, { model: 'nobody' })],
  ['unknown version', (request) => void Object.assign(request, { version: '9' })],
  ['input left out', ({ inputs }, at) => void inputs.splice(at % 2, 1)],
  ['input twice', ({ inputs }) => void inputs.push(structuredClone(inputs[0] as RandomTensor))],
  ['unknown input', (request, at) => rename(request, at, 'C')],
  ['no name', (request, at) => rename(request, at, '')],
  ['unknown datatype', (request, at) => retype(request, at, 'FP31')],
  ['other datatype', (request, at) => retype(request, at, at % 2 === 0 ? 'FP32' : 'INT32')],
  ['longer dimension', (request, at) => reshape(request, at, (shape) => [...shape.slice(0, -1), columns + 1])],
  ['more rank', (request, at) => reshape(request, at, (shape) => [...shape, 1])],
  ['less rank', (request, at) => reshape(request, at, (shape) => shape.slice(1))],
  ['no rank', (request, at) => reshape(request, at, () => [])],
  ['negative extent', (request, at) => reshape(request, at, (shape) => [-1, ...shape.slice(1)])],
  ['too many rows', (request, at) => reshape(request, at, (shape) => [maxBatchSize + 1, ...shape.slice(1)])],
  ['one value more', (request, at) => void tensorAt(request, at)?.data.push(1)],
  ['one value less', (request, at) => void tensorAt(request, at)?.data.pop()],

  ['unknown output', ({ outputs }) => void outputs.push({ name: 'Z', classes: 0 })],
  ['output twice', ({ outputs }) => void outputs.push({ name: 'X', classes: 0 }, { name: 'X', classes: 0 })],
  ['classes', classified],
  ['parameter', (request, at) => void Object.assign(request.parameters, { custom: [1, 'x', true][at % 3] })],
  ['reserved parameter', (request) => void Object.assign(request.parameters, { triton_x: 1 })],
  ['priority', (request, at) => void Object.assign(request.parameters, { priority: [1, 'x', -1][at % 3] })],
  ['timeout', (request, at) => void Object.assign(request.parameters, { timeout: [60_000_000, 'x', 0][at % 3] })],
];

function rename(request: RandomRequest, at: number, name: string): void {
  const tensor = tensorAt(request, at);
  if (tensor) tensor.name = name;
}

/** Of numbers: a Triton that is asked for classes of texts dies. */
function classified(request: RandomRequest, at: number): void {
  if (/texts/.test(request.model)) return;
  request.outputs = [{ name: 'X', classes: 1 + (at % 3) }];
}

function retype(request: RandomRequest, at: number, datatype: string): void {
  const tensor = tensorAt(request, at);
  if (tensor) tensor.datatype = datatype;
}

function reshape(request: RandomRequest, at: number, act: (shape: number[]) => number[]): void {
  const tensor = tensorAt(request, at);
  if (tensor) tensor.shape = act(tensor.shape);
}

const anyChange = fc.record({ change: fc.constantFrom(...changes), at: fc.nat(7) });

/** A third of them is good, a third has one thing wrong, and a third two. */
export const anyRequest: fc.Arbitrary<RandomRequest> = fc
  .record({ good: anyGood, count: fc.nat(2), chosen: fc.tuple(anyChange, anyChange) })
  .map(({ good, count, chosen }) => {
    for (const { change, at } of chosen.slice(0, count)) {
      change[1](good, at);
      good.done.push(change[0]);
    }
    return good;
  });

/** The elements as raw bytes: of the request's datatype, or of one of the same width where that is wrong. */
export function rawOf({ datatype, data }: RandomTensor): Buffer {
  const parts = data.map((value) => {
    const bytes = Buffer.alloc(8);
    switch (datatype) {
      case 'INT64':
        bytes.writeBigInt64LE(BigInt(Math.trunc(Number(value) || 0)));
        return bytes;
      case 'FP64':
        bytes.writeDoubleLE(Number(value) || 0);
        return bytes;
      case 'FP32':
        bytes.writeFloatLE(Number(value) || 0);
        return bytes.subarray(0, 4);
      case 'UINT8':
      case 'BOOL':
        bytes.writeUInt8(Number(value) & 255);
        return bytes.subarray(0, 1);
      case 'BYTES': {
        const text = Buffer.from(String(value));
        bytes.writeUInt32LE(text.length);
        return Buffer.concat([bytes.subarray(0, 4), text]);
      }
      default:
        bytes.writeInt32LE(Number(value) | 0);
        return bytes.subarray(0, 4);
    }
  });
  return Buffer.concat(parts);
}
