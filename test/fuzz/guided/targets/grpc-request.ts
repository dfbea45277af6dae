/**
 * A ModelInferRequest on the wire. Where protobufjs makes a message of the bytes, what it writes of that message must mean the
 * same to us as to it.
 */

import { InferenceError } from '../../../../src/errors.ts';
import { decodeInferRequest, requestIdOf } from '../../../../src/frontends/grpc/infer/request-codec.ts';
import type { InferenceRequest } from '../../../../src/inference/request.ts';
import { elementCount } from '../../../../src/tensor/shape.ts';
import { decodeRequest, encodeRequest, type Message } from '../../../frontends/grpc/protobuf-oracle.ts';
import { changedMessage } from '../protobuf-change.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';

function decoded(bytes: Buffer): InferenceRequest | null {
  try {
    const request = decodeInferRequest(bytes, null);
    for (const { name, shape, data } of request.inputs) {
      must(name !== '', 'an input without a name');
      elementCount(shape);
      const bytes = hostBytes(data);
      must(bytes.byteOffset + bytes.length <= bytes.buffer.byteLength, 'bytes beyond the message');
    }
    return request;
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    must(['invalid_argument', 'not_found'].includes(error.code), `an error of ${error.code}`);
    must(error.message.length < 2 * bytes.length + 400, 'a long message');
    return null;
  }
}

function run(input: Buffer): void {
  decoded(input);
  const id = requestIdOf(input);
  must(id.length <= input.length, 'a long id');
  let message: Message;
  try {
    message = decodeRequest(input);
  } catch {
    return;
  }
  const canonical = encodeRequest(message);
  const ours = decoded(canonical);
  if (ours === null) return;
  const theirs = decodeRequest(canonical);
  mustBeSame(
    [ours.modelName, ours.modelVersion, ours.id],
    [theirs.model_name, theirs.model_version, theirs.id],
    'names',
  );
  mustBeSame(requestIdOf(canonical), theirs.id, 'the id');
  mustBeSame(
    ours.outputs.map(({ name }) => name),
    theirs.outputs.map(nameOf),
    'outputs',
  );
  mustBeSame(
    ours.inputs.map(({ name, datatype, shape }) => [name, datatype, shape.map(String)]),
    theirs.inputs.map((one: Message) => [one.name, one.datatype, one.shape]),
    'inputs',
  );
  let raw = 0;
  for (const [i, { data, datatype }] of ours.inputs.entries()) {
    const { contents } = theirs.inputs[i];
    const bytes = contents === null ? theirs.raw_input_contents[raw++] : typedBytes(datatype, contents);
    if (bytes !== null) mustBeSame(hexOf(hostBytes(data)), hexOf(bytes), `the bytes of input ${i}`);
  }
}

const nameOf = ({ name }: Message): string => name;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The elements of typed contents as they lie in memory; null for a datatype whose elements are in no field of its own. */
function typedBytes(datatype: string, contents: Message): Uint8Array | null {
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(contents.bool_contents.map(Number));
    case 'INT8':
      return bytesOf(Int8Array.from(contents.int_contents));
    case 'INT16':
      return bytesOf(Int16Array.from(contents.int_contents));
    case 'INT32':
      return bytesOf(Int32Array.from(contents.int_contents));
    case 'UINT8':
      return Uint8Array.from(contents.uint_contents);
    case 'UINT16':
      return bytesOf(Uint16Array.from(contents.uint_contents));
    case 'UINT32':
      return bytesOf(Uint32Array.from(contents.uint_contents));
    case 'INT64':
      return bytesOf(BigInt64Array.from(contents.int64_contents.map(BigInt)));
    case 'UINT64':
      return bytesOf(BigUint64Array.from(contents.uint64_contents.map(BigInt)));
    case 'BYTES':
      return Buffer.concat(contents.bytes_contents.flatMap((one: Uint8Array) => [lengthOf(one), one]));
    default:
      return null;
  }
}

const bytesOf = (array: NodeJS.TypedArray): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function lengthOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return length;
}

const typed = (datatype: string, shape: number[], contents: object) => ({ name: datatype, datatype, shape, contents });
const region = {
  shared_memory_region: { string_param: 'r' },
  shared_memory_byte_size: { int64_param: 4 },
  shared_memory_offset: { int64_param: -1 },
};
const messages = [
  {
    model_name: 'm',
    model_version: '1',
    id: 'x',
    parameters: {
      priority: { uint64_param: 1 },
      sequence_id: { int64_param: 7 },
      sequence_start: { bool_param: true },
      timeout: { int64_param: 100 },
      custom: { double_param: 0.5 },
    },
    inputs: [{ name: 'A', datatype: 'INT32', shape: [1, 2] }],
    outputs: [{ name: 'B', parameters: { classification: { int64_param: 2 }, binary_data: { bool_param: true } } }],
    raw_input_contents: [Buffer.alloc(8)],
  },
  {
    model_name: 'm',
    inputs: [
      typed('INT8', [3], { int_contents: [1, -2, 3] }),
      typed('BYTES', [2], { bytes_contents: [Buffer.from('ab'), Buffer.from('')] }),
      typed('FP64', [1], { fp64_contents: [1.5] }),
      typed('FP32', [2], { fp32_contents: [1.5, -0] }),
      typed('BOOL', [2], { bool_contents: [true, false] }),
      typed('INT64', [2], { int64_contents: [-1, '9223372036854775807'] }),
      typed('UINT64', [1], { uint64_contents: ['18446744073709551615'] }),
      typed('UINT16', [1], { uint_contents: [65_535] }),
    ],
  },
  { model_name: 'm', inputs: [{ name: 'A', datatype: 'FP32', shape: [1], parameters: region }] },
  {
    outputs: [{ name: 'A', parameters: region }],
    parameters: { sequence_id: { string_param: 's' }, sequence_end: { bool_param: true } },
  },
  { outputs: Array.from({ length: 18 }, (_, i) => ({ name: `o${i}` })) },
  {
    inputs: ['FP16', 'BF16'].map((datatype) => ({ name: datatype, datatype, shape: [1] })),
    raw_input_contents: ['ab', 'cd'].map((text) => Buffer.from(text)),
  },
];

export const target: FuzzTarget = {
  seeds: messages.map(encodeRequest),
  words: [
    ...[
      'INT8',
      'INT16',
      'INT32',
      'INT64',
      'UINT8',
      'UINT16',
      'UINT32',
      'UINT64',
      'FP16',
      'BF16',
      'FP32',
      'FP64',
      'BOOL',
    ],
    ...['BYTES', 'priority', 'timeout', 'sequence_id', 'sequence_start', 'sequence_end', 'classification', '\x3a\x00'],
    ...['shared_memory_region', 'shared_memory_offset', 'shared_memory_byte_size', 'binary_data_output', 'triton_x'],
    ...[
      '\x2a\x00',
      '\x32\x00',
      '\x22\x00',
      '\x0a\x01A',
      '\x12\x04INT8',
      '\x1a\x01\x01',
      '\x3a\x04\0\0\0\0',
      '\xff\xff\xff\xff\x0f',
    ],
    ...['\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01', '\xa3\x06\xa4\x06', '\x7b\x7c', '\x08\x01', '\x10\x01', '\x80\x00'],
  ],
  maxBytes: 4096,
  change: changedMessage,
  run,
};
