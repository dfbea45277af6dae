/**
 * The `parameters` objects of an inference request in JSON, read by the tables of `inference/request-fields.ts`, and
 * HTTP's errors for them.
 */

import { invalidArgument } from '../../../errors.ts';
import type { RequestDraft } from '../../../inference/request.ts';
import {
  type FieldValue,
  fieldsByKey,
  inputFields,
  outputFields,
  type TensorField,
  TensorParameters,
} from '../../../inference/request-fields.ts';
import { requestLimits, tooLong, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { type ParameterDialect, ParameterReader } from '../../v2/parameters.ts';
import { repeatedMember, wrongKind } from '../json/errors.ts';
import type { JsonReader } from '../json/reader.ts';

const dialect: ParameterDialect = {
  protocol: 'http',
  wrongType: ({ key, type }) => wrongKind(key, type === 'flag' ? 'boolean' : 'unsigned-integer'),
  negative: ({ key }) => wrongKind(key, 'unsigned-integer'),
  unsupportedType: (key) =>
    invalidArgument(`parameter '${shownText(key)}' has invalid type. It should be either 'int', 'bool', or 'string'.`),
  reserved: () =>
    invalidArgument(
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
    ),
};

const parameters = new ParameterReader(dialect);

/** Reads the value of the request's `parameters` at the reader. */
export function readInferParameters(reader: JsonReader, request: RequestDraft): void {
  const seen = new Set<string>();
  for (let key = reader.firstKey('parameters'); key !== null; key = reader.nextKey()) {
    if (seen.has(key)) throw invalidArgument(`parameter '${shownText(key)}' is given twice`);
    if (seen.size === requestLimits.parameters) throw tooMany('parameters', requestLimits.parameters);
    seen.add(key);
    addParameter(reader, request, key);
  }
}

function addParameter(reader: JsonReader, request: RequestDraft, key: string): void {
  switch (reader.peek()) {
    case 0x22:
      parameters.add(request, key, 'string', reader.string(key));
      return;
    case 0x74:
    case 0x66:
      parameters.add(request, key, 'bool', reader.boolean(key));
      return;
    case 0x5b:
    case 0x7b:
    case 0x6e:
      parameters.add(request, key, null, false);
      return;
    default:
      addNumber(reader, request, key);
  }
}

function addNumber(reader: JsonReader, request: RequestDraft, key: string): void {
  const value = reader.number();
  if (typeof value === 'object') {
    parameters.add(request, key, 'double', value.double);
    return;
  }
  if (value < -(2n ** 63n) || value >= 2n ** 64n) throw dialect.unsupportedType(key);
  parameters.add(request, key, value < 2n ** 63n ? 'int64' : 'uint64', value);
}

/** A field, and its bit among those seen in one object. */
interface Member {
  readonly field: TensorField;
  readonly bit: number;
}

const members = (fields: readonly TensorField[]): ReadonlyMap<string, Member> =>
  new Map(
    [...fieldsByKey(fields, 'http').values()].map((field, index) => [field.key, { field, bit: 1 << index }] as const),
  );

const inputMembers = members(inputFields);
const outputMembers = members(outputFields);

/** Reads the `parameters` of an input at the reader. */
export const readInputParameters = (reader: JsonReader): TensorParameters => readMembers(reader, inputMembers);

/** Reads the `parameters` of a requested output at the reader. */
export const readOutputParameters = (reader: JsonReader): TensorParameters => readMembers(reader, outputMembers);

function readMembers(reader: JsonReader, known: ReadonlyMap<string, Member>): TensorParameters {
  const tensor = new TensorParameters();
  let seen = 0;
  let count = 0;
  for (let key = reader.firstKey('parameters'); key !== null; key = reader.nextKey()) {
    if (++count > requestLimits.tensorParameters) {
      throw tooMany('parameters of one tensor', requestLimits.tensorParameters);
    }
    const member = known.get(key);
    if (member === undefined) {
      reader.skip(4);
      continue;
    }
    if ((seen & member.bit) !== 0) throw repeatedMember(key);
    seen |= member.bit;
    member.field.set(tensor, memberValue(reader, member.field));
  }
  return tensor;
}

function memberValue(reader: JsonReader, { key, type }: TensorField): FieldValue {
  switch (type) {
    case 'flag':
      return reader.boolean(key);
    case 'count':
      return reader.unsigned(key);
    default:
      return reader.string(key);
  }
}

/** A name of a model's tensor or of a datatype. */
export function readName(reader: JsonReader, key: string): string {
  const name = reader.string(key);
  if (name.length > requestLimits.nameBytes) throw tooLong(`'${key}'`, requestLimits.nameBytes);
  return name;
}
