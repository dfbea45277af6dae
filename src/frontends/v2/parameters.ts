/**
 * Parameters of an inference request that both protocols know: sequence control, priority, timeout; everything else is
 * custom. How a wrong type is told differs between the protocols, so each brings its own sentences.
 */

import type { InferenceError } from '../../errors.ts';
import { invalidArgument } from '../../errors.ts';
import { noParameters, type Parameters, type ParameterValue, type SequenceControl } from '../../inference/request.ts';

/** How a value was typed on the wire. In JSON an integer is `int64`, or `uint64` from 2^63 on. */
export type ParameterKind = 'bool' | 'int64' | 'uint64' | 'double' | 'string';

export type KnownParameter = 'sequence_id' | 'sequence_start' | 'sequence_end' | 'priority' | 'timeout';

/** The sentences of one protocol. */
export interface ParameterDialect {
  /** A known parameter has a type that it cannot have. */
  wrongType(key: KnownParameter): InferenceError;
  /** `priority` or `timeout` is below zero. */
  negative(key: KnownParameter): InferenceError;
  /** A custom parameter has a type that custom parameters cannot have. */
  unsupportedType(key: string): InferenceError;
  /** Starts with `triton_` and is not listed in `allowedReserved`. */
  reserved(key: string): InferenceError;
  /** Names starting with `triton_` that the protocol takes and handles itself: accepted and left out here. */
  readonly allowedReserved: ReadonlySet<string>;
  /** Whether custom parameters may be `uint64` beyond int64. */
  readonly takesCustomUint64: boolean;
}

const reservedPrefix = 'triton_';

/** Headers of these names would change what the request means and are never forwarded (http.md §5.8). */
const reservedHeaders: ReadonlySet<string> = new Set([
  'sequence_id',
  'sequence_start',
  'sequence_end',
  'priority',
  'timeout',
  'headers',
  'binary_data_output',
]);

/**
 * Collects the parameters of one request: `add` each of them, `forwardHeader` what the server is configured to pass on,
 * then read the fields.
 */
export class RequestParameters {
  readonly #dialect: ParameterDialect;
  #custom: Map<string, ParameterValue> | null = null;
  #sequenceId: bigint | string | null = null;
  #sequenceStart: boolean | null = null;
  #sequenceEnd: boolean | null = null;
  #priority = 0;
  #timeoutUs = 0;

  constructor(dialect: ParameterDialect) {
    this.#dialect = dialect;
  }

  /** @throws InferenceError `invalid_argument` in the words of the dialect. */
  add(key: string, kind: ParameterKind, value: ParameterValue): void {
    switch (key) {
      case 'sequence_id':
        this.#sequenceId = this.#correlationId(kind, value);
        return;
      case 'sequence_start':
        this.#sequenceStart = this.#flag(key, value);
        return;
      case 'sequence_end':
        this.#sequenceEnd = this.#flag(key, value);
        return;
      case 'priority':
        this.#priority = this.#unsigned(key, kind, value);
        return;
      case 'timeout':
        this.#timeoutUs = this.#unsigned(key, kind, value);
        return;
      default:
        this.#addCustom(key, kind, value);
    }
  }

  /**
   * A header that the configured pattern selects becomes a string parameter of its name.
   *
   * @throws InferenceError `invalid_argument` for a reserved name.
   */
  forwardHeader(name: string, value: string): void {
    const lower = name.toLowerCase();
    if (reservedHeaders.has(lower) || lower.startsWith(reservedPrefix)) {
      throw invalidArgument(`Header '${name}' is reserved for Triton usage and cannot be forwarded.`);
    }
    this.#custom ??= new Map();
    this.#custom.set(name, value);
  }

  get custom(): Parameters {
    return this.#custom ?? noParameters;
  }

  get priority(): number {
    return this.#priority;
  }

  get timeoutUs(): number {
    return this.#timeoutUs;
  }

  /** Null when none of the three was given. */
  get sequence(): SequenceControl | null {
    if (this.#sequenceId === null && this.#sequenceStart === null && this.#sequenceEnd === null) return null;
    return { id: this.#sequenceId ?? 0n, start: this.#sequenceStart ?? false, end: this.#sequenceEnd ?? false };
  }

  #addCustom(key: string, kind: ParameterKind, value: ParameterValue): void {
    if (key.startsWith(reservedPrefix)) {
      if (this.#dialect.allowedReserved.has(key)) return;
      throw this.#dialect.reserved(key);
    }
    if (kind === 'uint64' && !this.#dialect.takesCustomUint64) throw this.#dialect.unsupportedType(key);
    this.#custom ??= new Map();
    this.#custom.set(key, value);
  }

  #correlationId(kind: ParameterKind, value: ParameterValue): bigint | string {
    if (typeof value === 'string') return value;
    if (kind !== 'int64' && kind !== 'uint64') throw this.#dialect.wrongType('sequence_id');
    // A negative int64 is the upper half of the unsigned range: gRPC has no other way to send it.
    return BigInt.asUintN(64, BigInt(value));
  }

  #flag(key: 'sequence_start' | 'sequence_end', value: ParameterValue): boolean {
    if (typeof value !== 'boolean') throw this.#dialect.wrongType(key);
    return value;
  }

  #unsigned(key: 'priority' | 'timeout', kind: ParameterKind, value: ParameterValue): number {
    if (kind !== 'int64' && kind !== 'uint64') throw this.#dialect.wrongType(key);
    if (Number(value) < 0) throw this.#dialect.negative(key);
    return Number(value);
  }
}
