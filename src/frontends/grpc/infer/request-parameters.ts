/**
 * Parameters of a ModelInferRequest and of its tensors, read by the tables of `inference/request-fields.ts`, with
 * the errors and types of gRPC.
 */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import type { ParameterKind } from '../../../inference/request-fields.ts';
import {
  fieldsByKey,
  inputFields,
  outputFields,
  requestFields,
  TensorParameters,
} from '../../../inference/request-fields.ts';
import { requestLimits, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { type ParameterDialect, ParameterReader } from '../../v2/parameters.ts';
import { readParameterEntry } from '../wire/parameter-entry.ts';
import type { WireReader } from '../wire/reader.ts';

const typeNames = (kinds: readonly ParameterKind[] | null): string =>
  (kinds ?? []).map((kind) => `${kind}_param`).join(' or ');

const wrongType = (key: string, expected: string): InferenceError =>
  invalidArgument(`invalid value type for '${shownText(key)}' parameter, expected ${expected}.`);

const reservedKeys = requestFields.filter(({ key, grpc }) => grpc !== null && key.startsWith('triton_'));

const grpcDialect: ParameterDialect = {
  protocol: 'grpc',
  wrongType: ({ key, grpc }) => wrongType(key, typeNames(grpc)),
  negative: ({ key }) => invalidArgument(`invalid value for '${key}', expected value >= 0.`),
  unsupportedType: (key) => wrongType(key, 'int64_param, bool_param, or string_param'),
  reserved: () =>
    invalidArgument(
      `parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with ` +
        `'triton_' are allowed: ${reservedKeys.map(({ key }) => key).join(', ')}`,
    ),
};

/** Reads the parameters of requests. */
export const requestParameters = new ParameterReader(grpcDialect);

const inputsByKey = fieldsByKey(inputFields, 'grpc');
const outputsByKey = fieldsByKey(outputFields, 'grpc');

/** Collects the parameters of one tensor. Its name may come after them, so `settle` checks them. */
export class TensorParameterReader {
  readonly #fields: typeof inputsByKey;
  readonly #tensor = new TensorParameters();
  #count = 0;
  #wrongKey: string | null = null;

  constructor(kind: 'input' | 'output') {
    this.#fields = kind === 'input' ? inputsByKey : outputsByKey;
  }

  /** Reads the entry whose length follows. */
  read(reader: WireReader): void {
    if (++this.#count > requestLimits.tensorParameters) {
      throw tooMany('parameters of one tensor', requestLimits.tensorParameters);
    }
    const { key, kind, value } = readParameterEntry(reader);
    const field = this.#fields.get(key);
    if (field === undefined) return;
    if (kind === null || !field.grpc?.includes(kind)) this.#wrongKey ??= key;
    // A negative count is refused later, where its meaning is known.
    else field.set(this.#tensor, field.type === 'count' ? Number(value) : value);
  }

  /** @throws InferenceError `invalid_argument` when a parameter had the wrong type. */
  settle(tensorName: string): TensorParameters {
    const key = this.#wrongKey;
    if (key === null) return this.#tensor;
    const expected = typeNames(this.#fields.get(key)?.grpc ?? null);
    if (key === 'classification')
      throw invalidArgument(`invalid value type for '${key}' parameter, expected ${expected}`);
    throw invalidArgument(
      `invalid value type for '${key}' parameter for tensor '${shownText(tensorName)}', expected ${expected}.`,
    );
  }
}
