/**
 * Parameters of an inference request, the same for both protocols: a parameter in the table of
 * `inference/request-fields.ts` sets its field, every other one is custom. The errors for a wrong type differ between
 * the protocols, so each has its own sentences.
 */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import { noParameters, type ParameterValue, type RequestDraft } from '../../inference/request.ts';
import {
  type FieldType,
  type FieldValue,
  fieldsByKey,
  type ParameterField,
  type ParameterKind,
  requestFields,
} from '../../inference/request-fields.ts';
import { requestLimits, tooLong, tooMany } from '../../inference/request-limits.ts';
import { shownText } from '../../shown-text.ts';

type AnyField = Pick<ParameterField<never>, 'key' | 'type' | 'grpc'>;

/** The sentences of one protocol. */
export interface ParameterDialect {
  readonly protocol: 'http' | 'grpc';
  /** A known parameter has a wrong type. */
  wrongType(field: AnyField): InferenceError;
  /** A count is below zero. */
  negative(field: AnyField): InferenceError;
  /** A custom parameter has a type that custom parameters cannot have. */
  unsupportedType(key: string): InferenceError;
  /** An unknown parameter starts with `triton_`. */
  reserved(key: string): InferenceError;
}

const reservedPrefix = 'triton_';

/** Headers of these names would change what the request means and are never forwarded. */
const reservedHeaders: ReadonlySet<string> = new Set([...requestFields.map(({ key }) => key), 'headers']);

/** Reads the parameters of requests of one protocol, one request after the other. */
export class ParameterReader {
  readonly #dialect: ParameterDialect;
  readonly #fields: ReadonlyMap<string, (typeof requestFields)[number]>;

  constructor(dialect: ParameterDialect) {
    this.#dialect = dialect;
    this.#fields = fieldsByKey(requestFields, dialect.protocol);
  }

  /**
   * @param kind null when the value has no type at all.
   * @throws InferenceError `invalid_argument` with the sentences of the dialect, or for too many parameters.
   */
  add(request: RequestDraft, key: string, kind: ParameterKind | null, value: ParameterValue): void {
    const field = this.#fields.get(key);
    if (field !== undefined) field.set(request, fieldValue(field, kind, value, this.#dialect));
    else this.#addCustom(request, key, kind, value);
  }

  #addCustom(request: RequestDraft, key: string, kind: ParameterKind | null, value: ParameterValue): void {
    if (key.startsWith(reservedPrefix)) throw this.#dialect.reserved(key);
    if (kind === null || kind === 'uint64') throw this.#dialect.unsupportedType(key);
    addCustomParameter(request, key, value);
  }
}

/** Converts the value to the type of its field. */
function fieldValue(
  field: AnyField,
  kind: ParameterKind | null,
  value: ParameterValue,
  dialect: ParameterDialect,
): FieldValue {
  const { protocol } = dialect;
  const accepted = protocol === 'grpc' ? (field.grpc as readonly ParameterKind[]) : httpKinds[field.type];
  if (kind === null || !accepted.includes(kind)) throw dialect.wrongType(field);
  if (field.type === 'count') {
    if ((value as number | bigint) < 0) throw dialect.negative(field);
    return Number(value);
  }
  if (field.type === 'correlation' && kind !== 'string') {
    // A negative int64 is the upper half of the unsigned range: gRPC has no other way to send it.
    if (protocol === 'http' && (value as number | bigint) < 0) throw dialect.negative(field);
    return BigInt.asUintN(64, BigInt(value as number | bigint));
  }
  return value;
}

/** JSON does not distinguish signed and unsigned integers of 64 bits. */
const httpKinds: Readonly<Record<FieldType, readonly ParameterKind[]>> = {
  flag: ['bool'],
  count: ['int64', 'uint64'],
  correlation: ['int64', 'uint64', 'string'],
  text: ['string'],
};

/**
 * A header that the configured pattern selects becomes a string parameter of its name.
 *
 * @throws InferenceError `invalid_argument` for a reserved name.
 */
export function forwardHeader(request: RequestDraft, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (reservedHeaders.has(lower) || lower.startsWith(reservedPrefix)) {
    throw invalidArgument(`Header '${shownText(name)}' is reserved for Triton usage and cannot be forwarded.`);
  }
  addCustomParameter(request, name, value);
}

function addCustomParameter(request: RequestDraft, key: string, value: ParameterValue): void {
  if (key.length > requestLimits.nameBytes) throw tooLong('the name of a parameter', requestLimits.nameBytes);
  const bytes = key.length + (typeof value === 'string' ? value.length : 8);
  if (bytes > requestLimits.textBytes) throw tooLong(`parameter '${shownText(key)}'`, requestLimits.textBytes);
  request.parameterBytes += bytes;
  if (request.parameterBytes > requestLimits.allTextBytes) {
    throw tooLong('the text of all parameters of the request', requestLimits.allTextBytes);
  }
  const custom = request.parameters === noParameters ? new Map<string, ParameterValue>() : request.parameters;
  if (custom.size === requestLimits.parameters) throw tooMany('parameters', requestLimits.parameters);
  (custom as Map<string, ParameterValue>).set(key, value);
  request.parameters = custom;
}
