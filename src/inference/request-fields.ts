/**
 * The parameters that have a meaning, each described once: those of a request, of an input and of a requested output.
 * Both protocols read parameters by these tables, and the records that cross threads are written, read and measured by
 * them. A parameter of a request that is in no table is a custom parameter; one of a tensor is ignored.
 */

import type { InferenceRequest, RequestDraft, SequenceControl } from './request.ts';

/** How a value was typed on the wire. In JSON an integer is `int64`, or `uint64` from 2^63 on. */
export type ParameterKind = 'bool' | 'int64' | 'uint64' | 'double' | 'string';

/**
 * `count` is an integer from 0 to 2^53 - 1, `correlation` 64 unsigned bits or a string, `text` a string of at most
 * `requestLimits.textBytes`.
 */
export type FieldType = 'flag' | 'count' | 'correlation' | 'text';

export type FieldValue = boolean | number | bigint | string;

export interface ParameterField<T> {
  /** Its name, the same in every protocol that has it. */
  readonly key: string;
  readonly type: FieldType;
  readonly isInHttp: boolean;
  /** The types by which gRPC takes it; null where gRPC does not have it. */
  readonly grpc: readonly ParameterKind[] | null;
  /** Puts a value of the type where it belongs. */
  set(target: T, value: FieldValue): void;
}

export interface RequestField extends ParameterField<RequestDraft> {
  /**
   * The value, or null where the request has none: what crosses to the thread that schedules. Null: it does not cross.
   */
  readonly get: ((request: InferenceRequest) => FieldValue | null) | null;
}

const noSequence: SequenceControl = { id: 0n, start: false, end: false };

/** In an order that both ends of a link between threads share. */
export const requestFields: readonly RequestField[] = [
  {
    key: 'priority',
    type: 'count',
    isInHttp: true,
    grpc: ['int64', 'uint64'],
    get: ({ priority }) => (priority === 0 ? null : priority),
    set(request, value) {
      request.priority = value as number;
    },
  },
  {
    key: 'timeout',
    type: 'count',
    isInHttp: true,
    grpc: ['int64'],
    get: ({ timeoutUs }) => (timeoutUs === 0 ? null : timeoutUs),
    set(request, value) {
      request.timeoutUs = value as number;
    },
  },
  {
    key: 'sequence_id',
    type: 'correlation',
    isInHttp: true,
    grpc: ['int64', 'string'],
    get: ({ sequence }) => (sequence === null ? null : sequence.id),
    set(request, value) {
      request.sequence = { ...(request.sequence ?? noSequence), id: value as bigint | string };
    },
  },
  {
    key: 'sequence_start',
    type: 'flag',
    isInHttp: true,
    grpc: ['bool'],
    get: ({ sequence }) => (sequence === null ? null : sequence.start),
    set(request, value) {
      request.sequence = { ...(request.sequence ?? noSequence), start: value as boolean };
    },
  },
  {
    key: 'sequence_end',
    type: 'flag',
    isInHttp: true,
    grpc: ['bool'],
    get: ({ sequence }) => (sequence === null ? null : sequence.end),
    set(request, value) {
      request.sequence = { ...(request.sequence ?? noSequence), end: value as boolean };
    },
  },
  {
    // The default for outputs that do not say how they want their data; the answer is written in the same thread.
    key: 'binary_data_output',
    type: 'flag',
    isInHttp: true,
    grpc: null,
    get: null,
    set(request, value) {
      request.isBinaryOutput = value as boolean;
    },
  },
  {
    // Only models that answer several times would look at it; its type is checked all the same.
    key: 'triton_enable_empty_final_response',
    type: 'flag',
    isInHttp: false,
    grpc: ['bool'],
    get: null,
    set() {},
  },
];

/** The parameters of one input or output; made only for tensors that have any. Null: not given. */
export class TensorParameters {
  binaryBytes: number | null = null;
  isBinary: boolean | null = null;
  classificationCount: number | null = null;
  region: string | null = null;
  regionOffset: number | null = null;
  regionBytes: number | null = null;
}

export type TensorField = ParameterField<TensorParameters>;

/** A tensor in shared memory: read only to report faults of the reference, because there are no regions. */
const regionFields: readonly TensorField[] = [
  {
    key: 'shared_memory_region',
    type: 'text',
    isInHttp: true,
    grpc: ['string'],
    set(tensor, value) {
      tensor.region = value as string;
    },
  },
  {
    key: 'shared_memory_byte_size',
    type: 'count',
    isInHttp: true,
    grpc: ['int64'],
    set(tensor, value) {
      tensor.regionBytes = value as number;
    },
  },
  {
    key: 'shared_memory_offset',
    type: 'count',
    isInHttp: true,
    grpc: ['int64'],
    set(tensor, value) {
      tensor.regionOffset = value as number;
    },
  },
];

export const inputFields: readonly TensorField[] = [
  {
    key: 'binary_data_size',
    type: 'count',
    isInHttp: true,
    grpc: null,
    set(tensor, value) {
      tensor.binaryBytes = value as number;
    },
  },
  ...regionFields,
];

export const outputFields: readonly TensorField[] = [
  {
    key: 'binary_data',
    type: 'flag',
    isInHttp: true,
    grpc: null,
    set(tensor, value) {
      tensor.isBinary = value as boolean;
    },
  },
  {
    key: 'classification',
    type: 'count',
    isInHttp: true,
    grpc: ['int64'],
    set(tensor, value) {
      tensor.classificationCount = value as number;
    },
  },
  ...regionFields,
];

/** A table by key, for one protocol. */
export const fieldsByKey = <F extends ParameterField<never>>(
  fields: readonly F[],
  protocol: 'http' | 'grpc',
): ReadonlyMap<string, F> =>
  new Map(
    fields
      .filter((field) => (protocol === 'http' ? field.isInHttp : field.grpc !== null))
      .map((field) => [field.key, field]),
  );
