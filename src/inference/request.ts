/**
 * One inference request, independent of the protocol: plain data that can cross a thread. A frontend makes it,
 * admission checks it against a model, and it never changes.
 */

import type { Tensor } from '../tensor/tensor.ts';

export type ParameterValue = boolean | number | bigint | string;

/** Custom parameters of a request or response, in order of arrival. Integers beyond 2^53 are `bigint`. */
export type Parameters = ReadonlyMap<string, ParameterValue>;

export const noParameters: Parameters = new Map();

export interface RequestedOutput {
  readonly name: string;
  /** Wanted number of classes (classification extension); 0 asks for the tensor itself. */
  readonly classificationCount: number;
}

export interface SequenceControl {
  /** Correlation id: unsigned 64 bits, or a string; 0n and '' mean "no sequence". */
  readonly id: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
}

export interface InferenceRequest {
  readonly modelName: string;
  /** Decimal text as received; '' lets the server choose the newest ready version. */
  readonly modelVersion: string;
  /** Echoed in the response and printed in errors and logs; '' when absent. */
  readonly id: string;
  readonly inputs: readonly Tensor[];
  /** Empty means all outputs. */
  readonly outputs: readonly RequestedOutput[];
  readonly parameters: Parameters;
  /** 0 asks for the model's default level; lower numbers are served first. */
  readonly priority: number;
  /** Queue timeout in microseconds as asked by the caller; 0 for none. */
  readonly timeoutUs: number;
  /** Null where the request says nothing of sequences. */
  readonly sequence: SequenceControl | null;
  /**
   * Bytes of memory that the request keeps in use until it has ended: its message and its decoded contents
   * (`request-bytes.ts`).
   */
  readonly heldBytes: number;
}

const noTensors: readonly Tensor[] = [];
const noOutputs: readonly RequestedOutput[] = [];

/** A request while a reader fills it; `request-fields.ts` says which parameter lands where. */
export class RequestDraft implements InferenceRequest {
  modelName = '';
  modelVersion = '';
  id = '';
  inputs = noTensors;
  outputs = noOutputs;
  parameters = noParameters;
  priority = 0;
  timeoutUs = 0;
  sequence: SequenceControl | null = null;
  heldBytes = 0;
  /** Whether all tensors are known to be views on the message; false where it is not known. */
  hasOnlyViews = false;
  /** Bytes of the names and values of custom parameters, which are bounded together. */
  parameterBytes = 0;
  /** Of HTTP: whether outputs that do not say it themselves are wanted in binary. Does not leave the frontend. */
  isBinaryOutput = false;
}
