/** Parameters of a ModelInferRequest: the sentences and types of gRPC around the rules both protocols share. */

import { invalidArgument } from '../../errors.ts';
import type { KnownParameter, ParameterDialect, RequestParameters } from '../v2/parameters.ts';
import type { ParameterEntry } from './parameter-entry.ts';

/** Only models that answer several times look at it; its type is checked all the same. */
const emptyFinalResponse = 'triton_enable_empty_final_response';

const expectedTypes: Readonly<Record<KnownParameter, string>> = {
  sequence_id: 'int64_param or string_param',
  sequence_start: 'bool_param',
  sequence_end: 'bool_param',
  priority: 'int64_param or uint64_param',
  timeout: 'int64_param',
};

const isKnown = (key: string): key is KnownParameter => Object.hasOwn(expectedTypes, key);

const wrongType = (key: string, expected: string) =>
  invalidArgument(`invalid value type for '${key}' parameter, expected ${expected}.`);

/** Texts of reference grpc.md §4.2. */
export const grpcDialect: ParameterDialect = {
  wrongType: (key) => wrongType(key, expectedTypes[key]),
  negative: (key) => invalidArgument(`invalid value for '${key}', expected value >= 0.`),
  unsupportedType: (key) => wrongType(key, 'int64_param, bool_param, or string_param'),
  reserved: () =>
    invalidArgument(
      `parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with ` +
        `'triton_' are allowed: ${emptyFinalResponse}`,
    ),
  allowedReserved: new Set([emptyFinalResponse]),
  takesCustomUint64: false,
};

/** @throws InferenceError `invalid_argument` where the type does not serve the key. */
export function addRequestParameter(parameters: RequestParameters, { key, kind, value }: ParameterEntry): void {
  const isWrongKind =
    kind === null || (kind === 'uint64' && (key === 'sequence_id' || key === 'timeout')) || isWrongFinal(key, kind);
  if (!isWrongKind) parameters.add(key, kind, value);
  else if (isKnown(key)) throw grpcDialect.wrongType(key);
  else if (key === emptyFinalResponse) throw wrongType(key, 'bool_param');
  else throw grpcDialect.unsupportedType(key);
}

const isWrongFinal = (key: string, kind: string): boolean => key === emptyFinalResponse && kind !== 'bool';
