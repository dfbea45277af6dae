/** The `parameters` object of an inference request in JSON, and how HTTP words what is wrong with it (http.md §5.1). */

import { invalidArgument } from '../../errors.ts';
import { type ParameterDialect, RequestParameters } from '../v2/parameters.ts';
import { type JsonReader, wrongKind } from './json-reader.ts';

export const httpDialect: ParameterDialect = {
  wrongType: (key) =>
    wrongKind(key, key === 'sequence_start' || key === 'sequence_end' ? 'boolean' : 'unsigned-integer'),
  negative: (key) => wrongKind(key, 'unsigned-integer'),
  unsupportedType: (key) =>
    invalidArgument(`parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`),
  reserved: () =>
    invalidArgument(
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
    ),
  allowedReserved: new Set(),
  takesCustomUint64: false,
};

/** What HTTP adds to the parameters that both protocols know. */
export interface InferParameters {
  readonly parameters: RequestParameters;
  /** `binary_data_output`: the default for outputs that do not say how they want their data. */
  readonly isBinaryOutput: boolean;
}

export const absentParameters = (): InferParameters => ({
  parameters: new RequestParameters(httpDialect),
  isBinaryOutput: false,
});

/** Reads the value of the request's `parameters` at the reader. */
export function readInferParameters(reader: JsonReader): InferParameters {
  const parameters = new RequestParameters(httpDialect);
  let isBinaryOutput = false;
  const seen = new Set<string>();
  for (let key = reader.firstKey('parameters'); key !== null; key = reader.nextKey()) {
    if (seen.has(key)) throw invalidArgument(`parameter '${key}' is given twice`);
    seen.add(key);
    if (key === 'binary_data_output') isBinaryOutput = reader.boolean(key);
    else addParameter(reader, parameters, key);
  }
  return { parameters, isBinaryOutput };
}

function addParameter(reader: JsonReader, parameters: RequestParameters, key: string): void {
  switch (reader.peek()) {
    case 0x22:
      if (key === 'priority' || key === 'timeout') throw httpDialect.wrongType(key);
      parameters.add(key, 'string', reader.string(key));
      return;
    case 0x74:
    case 0x66:
      parameters.add(key, 'bool', reader.boolean(key));
      return;
    case 0x5b:
    case 0x7b:
    case 0x6e:
      if (key === 'priority' || key === 'timeout' || key === 'sequence_start' || key === 'sequence_end') {
        throw httpDialect.wrongType(key);
      }
      throw key === 'sequence_id' ? httpDialect.wrongType(key) : httpDialect.unsupportedType(key);
    default:
      addNumber(reader, parameters, key);
  }
}

function addNumber(reader: JsonReader, parameters: RequestParameters, key: string): void {
  const value = reader.number();
  if (typeof value === 'object') {
    parameters.add(key, 'double', value.double);
    return;
  }
  if (value < -(2n ** 63n) || value >= 2n ** 64n) throw httpDialect.unsupportedType(key);
  if (key === 'sequence_id' && value < 0) throw httpDialect.wrongType(key);
  parameters.add(key, value < 2n ** 63n ? 'int64' : 'uint64', value);
}
