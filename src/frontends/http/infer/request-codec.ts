/**
 * Decodes the body of `POST …/infer` into an `InferenceRequest`, in one pass over the JSON. It checks the form; whether
 * the request fits its model is checked at admission. Inputs are in `request-tensors.ts`, outputs in
 * `requested-outputs.ts`, the body without any JSON in `raw-request.ts`.
 */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { type InferenceRequest, RequestDraft } from '../../../inference/request.ts';
import { countHeldBytes } from '../../../inference/request-bytes.ts';
import { shownText } from '../../../shown-text.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { refuseRepeated } from '../../v2/repeated-names.ts';
import { BinaryPart, InputProgress, readInputs } from './request-tensors.ts';
import { readInferParameters } from './request-parameters.ts';
import { missingMember, repeatedMember } from '../json/errors.ts';
import { JsonReader } from '../json/reader.ts';
import { allOutputs, type RequestedOutputs, readOutputs } from './requested-outputs.ts';
import { paused } from '../json/tensor-slices.ts';

/** The model and version of a request, and its limits. */
export interface InferTarget {
  readonly modelName: string;
  /** Decimal text; '' lets the server choose. */
  readonly modelVersion: string;
  /** Limit on the JSON part and on each tensor in it. */
  readonly maxInputBytes: number;
}

/** A request, and the form of its answer. */
export interface DecodedInfer {
  readonly request: InferenceRequest;
  /** Whether outputs are written in binary where the request lists none. */
  readonly isBinaryByDefault: boolean;
  /** Of the outputs that the request lists, those that are written in binary. */
  readonly binaryNames: ReadonlySet<string>;
}

/** Adds the headers that are configured to be passed on as parameters. */
export type HeaderForwarder = (request: RequestDraft) => void;

/**
 * @param body      the whole body, decompressed; tensors of the result may be views on it.
 * @param jsonBytes length of the JSON part as `Inference-Header-Content-Length` says, null when all of it is JSON.
 * @param progress  of a request that is read in several turns.
 * @throws InferenceError `invalid_argument` for malformed requests, `not_found` for shared memory regions.
 */
export function decodeInferRequest(
  body: Buffer,
  jsonBytes: number | null,
  target: InferTarget,
  forward: HeaderForwarder | null,
  progress: InputProgress | null = null,
): DecodedInfer {
  const { modelName, modelVersion, maxInputBytes } = target;
  const jsonLength = jsonBytes ?? body.length;
  if (jsonLength > maxInputBytes) throw oversizedJson(jsonLength, maxInputBytes);
  const reader = new JsonReader(jsonBytes === null ? body : body.subarray(0, jsonBytes));
  const binary = progress === null ? new BinaryPart(body, jsonBytes, modelName) : progress.binary;

  const request = new RequestDraft();
  request.modelName = modelName;
  request.modelVersion = modelVersion;
  let inputs: readonly Tensor[] | null = null;
  let outputs: RequestedOutputs | null = null;
  let hasId = false;
  let hasParameters = false;
  for (let key = reader.firstKey('request'); key !== null; key = reader.nextKey()) {
    if (key === 'inputs') {
      if (inputs !== null) throw repeatedMember(key);
      inputs = readInputs(reader, binary, maxInputBytes, progress);
    } else if (key === 'outputs') {
      if (outputs !== null) throw repeatedMember(key);
      outputs = readOutputs(reader);
    } else if (key === 'parameters') {
      if (hasParameters) throw repeatedMember(key);
      hasParameters = true;
      readInferParameters(reader, request);
    } else if (key === 'id') {
      if (hasId) throw repeatedMember(key);
      hasId = true;
      request.id = reader.uniqueString(key);
    } else {
      reader.skip(1);
    }
  }
  reader.end();
  if (inputs === null) throw missingMember('inputs');
  binary.end();
  refuseRepeated(inputs, 'input', request.id);
  forward?.(request);
  request.inputs = inputs;
  const { requested, binaryNames } = outputs ?? allOutputs;
  if (requested.length > 0) refuseRepeated(requested, 'output', request.id);
  request.outputs = requested;
  request.hasOnlyViews = binary.taken === inputs.length;
  countHeldBytes(request, body);
  return { request, isBinaryByDefault: request.isBinaryOutput, binaryNames };
}

/** JSON of more bytes than this is read in several turns of the event loop. */
export const largeJsonBytes: number = 256 * 1024;

/** A request with much JSON, read a turn at a time. */
export class InferDecoding {
  readonly #progress: InputProgress;
  readonly #decode: () => DecodedInfer;

  constructor(body: Buffer, jsonBytes: number | null, target: InferTarget, forward: HeaderForwarder | null) {
    this.#progress = new InputProgress(new BinaryPart(body, jsonBytes, target.modelName));
    this.#decode = () => decodeInferRequest(body, jsonBytes, target, forward, this.#progress);
  }

  /** Memory that was taken for tensors so far, besides the body. */
  get heldBytes(): number {
    return this.#progress.slices.heldBytes;
  }

  /**
   * Reads for a few milliseconds.
   *
   * @returns null when there is more to read.
   * @throws InferenceError as `decodeInferRequest`.
   */
  turn(): DecodedInfer | null {
    this.#progress.slices.beginTurn();
    try {
      return this.#decode();
    } catch (error) {
      if (error === paused) return null;
      throw error;
    }
  }
}

export const oversizedJson = (jsonBytes: number, maxInputBytes: number): InferenceError =>
  invalidArgument(
    `request JSON size of ${jsonBytes} bytes exceeds the maximum allowed input size of ${maxInputBytes} bytes. Use --http-max-input-size to increase the limit.`,
  );

const integer = /^[+-]?\d+$/;

/** Digits of a number that is exact whatever they are. */
const mostPlainDigits = 9;

/** The value of some digits and nothing else; -1 for other texts, and for long numbers. */
function plainNumber(text: string): number {
  const { length } = text;
  if (length === 0 || length > mostPlainDigits) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * The value of `Inference-Header-Content-Length`: null when the header is absent, 0 for a raw binary request.
 *
 * @throws InferenceError `invalid_argument` when it is no integer from 0 to `bodyBytes`.
 */
export function parseJsonLength(header: string | undefined, bodyBytes: number): number | null {
  if (header === undefined) return null;
  const plain = plainNumber(header);
  if (plain >= 0 && plain <= bodyBytes) return plain;
  if (!integer.test(header))
    throw invalidArgument(`Unable to parse Inference-Header-Content-Length, got: ${shownText(header)}`);
  const length = Number(header);
  if (length < -(2 ** 31) || length >= 2 ** 31) {
    throw invalidArgument(
      `Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: ${shownText(header)}`,
    );
  }
  if (length < 0 || length > bodyBytes) {
    throw invalidArgument(`inference header size should be in range (0, ${bodyBytes}), got: ${length}`);
  }
  return length;
}
