/**
 * A request in JSON, behind two bytes that say where its JSON part ends, if the rest is binary. What we read of it must be
 * what JSON.parse reads, as far as that can tell, and the values of control requests must be the same in both directions.
 */

import { InferenceError } from '../../../../src/errors.ts';
import { decodeInferRequest } from '../../../../src/frontends/http/infer/request-codec.ts';
import {
  booleanMember,
  type JsonValue,
  objectMember,
  readJsonObject,
  stringMember,
  unsignedMember,
} from '../../../../src/frontends/http/json/value.ts';
import type { InferenceRequest } from '../../../../src/inference/request.ts';
import { bytesElements } from '../../../../src/tensor/bytes-elements.ts';
import { bfloat16Number, float16Number } from '../../../../src/tensor/float16.ts';
import { typedElements } from '../../../../src/tensor/typed-elements.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';

const where = { modelName: 'm', modelVersion: '', maxInputBytes: 3000 };

/** Null where it is refused in the way that is told. */
function accepted<T>(read: () => T, inputBytes: number): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    must(['invalid_argument', 'not_found'].includes(error.code), `an error of ${error.code}`);
    must(error.message.length < 2 * inputBytes + 600, 'a long message');
    return null;
  }
}

const memberReaders = [objectMember, stringMember, booleanMember, unsignedMember];

function run(input: Buffer): void {
  if (input.length < 2) return;
  const end = input.readUInt16BE(0);
  const body = input.subarray(2);
  const jsonBytes = end < body.length ? end : null;
  const json = body.subarray(0, jsonBytes ?? body.length);
  const parsed = parsedBy(json);
  const decoded = accepted(() => decodeInferRequest(body, jsonBytes, where, null), body.length);
  if (decoded !== null) checkRequest(decoded.request, parsed, json);
  const object = accepted(() => readJsonObject(json), json.length);
  if (object === null || object.size === 0) return;
  for (const key of object.keys()) {
    for (const read of memberReaders) accepted(() => read(object, key), json.length);
  }
  must(parsed !== undefined, 'read as JSON, which JSON.parse refuses');
  mustBeSame(plain(object), parsed, 'other values');
}

/** Undefined where JSON.parse refuses the text. */
function parsedBy(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What JSON.parse would make of it. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [name, one] of value) Object.defineProperty(object, name, { value: plain(one), enumerable: true });
    return object;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'object' && value !== null && 'double' in value ? value.double : value;
}

interface ParsedInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly data?: unknown;
}

function checkRequest(request: InferenceRequest, parsed: unknown, json: Buffer): void {
  // Triton's words for what JSON has none for. They may stand in names as well.
  if (parsed === undefined && /NaN|Inf/.test(json.toString('latin1'))) return;
  must(parsed !== undefined, 'accepted, although JSON.parse refuses it');
  const { id, inputs } = parsed as { readonly id?: string; readonly inputs: readonly ParsedInput[] };
  mustBeSame(request.id, id ?? '', 'the id');
  must(request.inputs.length === inputs.length, 'another number of inputs');
  for (const [i, { name, shape, datatype, data }] of request.inputs.entries()) {
    const theirs = inputs[i];
    mustBeSame([name, shape, datatype], [theirs.name, theirs.shape, theirs.datatype], 'an input');
    if (theirs.data === undefined) continue;
    const elements = [theirs.data].flat(Number.POSITIVE_INFINITY) as unknown[];
    mustBeSame(
      elementsOf(datatype, hostBytes(data)),
      elements.map((one) => stored(datatype, one)),
      `elements of ${datatype}`,
    );
  }
}

function elementsOf(datatype: InferenceRequest['inputs'][number]['datatype'], data: Uint8Array): unknown[] {
  if (datatype === 'BYTES') return [...bytesElements(data)].map((one) => Buffer.from(one).toString('utf8'));
  const elements = Array.from(typedElements(datatype, data) as ArrayLike<number | bigint>);
  if (datatype === 'FP16') return elements.map((bits) => float16Number(Number(bits)));
  if (datatype === 'BF16') return elements.map((bits) => bfloat16Number(Number(bits)));
  return elements.map(Number);
}

/** An element of JSON as its datatype holds it; of integers beyond 2^53 as much as a double holds. */
function stored(datatype: string, element: unknown): unknown {
  if (datatype === 'FP32') return Math.fround(element as number);
  if (datatype === 'BOOL') return Number(element);
  if (datatype === 'FP16') return nearestHalf(element as number);
  if (datatype === 'BF16') return nearestBrain(element as number);
  if (datatype.includes('INT')) return (element as number) + 0;
  return element;
}

/** Ties to even at that many bits of fraction, by exact arithmetic on doubles. */
function rounded(value: number, fractionBits: number, smallestExponent: number): number {
  if (value === 0) return value;
  const exponent = Math.max(smallestExponent, Math.floor(Math.log2(Math.abs(value))));
  // Log2 may be off by one next to a power of two; the step of the lower one is then twice too fine.
  const exact =
    2 ** (exponent + 1) <= Math.abs(value) ? exponent + 1 : 2 ** exponent > Math.abs(value) ? exponent - 1 : exponent;
  const step = 2 ** (Math.max(smallestExponent, exact) - fractionBits);
  const whole = Math.floor(Math.abs(value) / step);
  const rest = Math.abs(value) / step - whole;
  const up = rest > 0.5 || (rest === 0.5 && whole % 2 === 1);
  return Math.sign(value) * (whole + (up ? 1 : 0)) * step || (value < 0 ? -0 : 0);
}

const nearestHalf = (value: number): number => rounded(value, 10, -14);
const nearestBrain = (value: number): number => rounded(value, 7, -126);

const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
];
const texts = [
  '{"id":"é","parameters":{"sequence_id":5,"sequence_start":true,"timeout":10,"x":1.5,"y":"z"},"inputs":[' +
    '{"name":"F","shape":[2,2],"datatype":"FP32","data":[[0.1,-1e-3],[NaN,3]]},' +
    '{"data":[-9223372036854775808],"name":"I","shape":[1],"datatype":"INT64"},' +
    '{"name":"S","shape":[2],"datatype":"BYTES","data":["\\u00fc","b"]}]}',
  ...datatypes.map(
    (type) =>
      `{"inputs":[{"name":"A","shape":[2],"datatype":"${type}","data":[${type === 'BOOL' ? 'true,false' : '0,1'}]}]}`,
  ),
  '{"inputs":[{"name":"D","shape":[3],"datatype":"FP64","data":[1.7976931348623157e308,5e-324,0.1234567890123456789]}]}',
  '{"inputs":[{"name":"S","shape":[1],"datatype":"INT8","data":[1]}],"outputs":[{"name":"A","parameters":{"classification":2}},' +
    '{"name":"B","parameters":{"binary_data":true}}],"parameters":{"binary_data_output":true,"priority":1}}',
  '{"outputs":[{"name":"A","parameters":{"shared_memory_region":"r","shared_memory_byte_size":1,"shared_memory_offset":0}}],' +
    '"inputs":[{"name":"S","shape":[1],"datatype":"INT8","parameters":{"shared_memory_region":"r","shared_memory_offset":1}}]}',
  '{"parameters":{"config":"{}","n":null,"a":[1,-0.5e3,12345678901234567890]},"unload_dependents":false}',
];
const binary = '{"inputs":[{"name":"A","shape":[1,4],"datatype":"INT32","parameters":{"binary_data_size":16}}]}';

const whole = (text: string): Buffer => Buffer.concat([Buffer.of(0xff, 0xff), Buffer.from(text)]);

export const target: FuzzTarget = {
  seeds: [...texts.map(whole), Buffer.concat([Buffer.of(0, binary.length), Buffer.from(binary), Buffer.alloc(16, 1)])],
  words: [
    ...[
      '"',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\\',
      '\\u00e9',
      '\\ud83d\\ude00',
      '\\ud800',
      ' ',
      '-',
      '.',
      'e',
      'E+',
      '0',
      '1e22',
    ],
    ...[
      'null',
      'true',
      'false',
      'NaN',
      'Infinity',
      '-Infinity',
      'Inf',
      '1e999',
      '5e-324',
      '-0',
      '-0.0',
      '65504',
      '65520',
    ],
    ...[
      '123456789012345678901',
      '0.000000000000000000000001',
      '9007199254740993',
      '3.4028235677973366e38',
      '1e-45',
      '1.00048828125',
    ],
    ...[
      '"__proto__":',
      '"data":',
      '"shape":[1],',
      '"name":"A",',
      '"datatype":"FP32",',
      '"inputs":[',
      '"outputs":[',
      '"id":"a",',
    ],
    ...[
      '"parameters":{',
      '"binary_data_size":4',
      '"binary_data":true',
      '"triton_enable_empty_final_response":true',
      '"shared_memory_region":"r"',
      '"classification":1',
      '"sequence_end":true',
      '"priority":1',
      '\xed\xa0\x80',
      '\xc3\xa9',
    ],
    ...datatypes,
  ],
  maxBytes: 2048,
  run,
};
