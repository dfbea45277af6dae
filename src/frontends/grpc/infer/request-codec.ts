/**
 * Decodes a ModelInferRequest into an `InferenceRequest` without a library: raw tensors are views of the received
 * message, nothing is copied, and no message objects are made in between. It checks the form of a request; whether the
 * request fits its model is checked at admission.
 */

import { invalidArgument } from '../../../errors.ts';
import { type InferenceRequest, RequestDraft, type RequestedOutput } from '../../../inference/request.ts';
import { countHeldBytes } from '../../../inference/request-bytes.ts';
import { describedBytes, requestLimits, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { forwardHeader } from '../../v2/parameters.ts';
import { refuseRepeated } from '../../v2/repeated-names.ts';
import type { ForwardedHeader } from './forwarded-headers.ts';
import { readParameterEntry } from '../wire/parameter-entry.ts';
import { requestParameters } from './request-parameters.ts';
import { type DecodedTensor, rawAwaited, readInput, readRequestedOutput, type TypedInput } from './request-tensors.ts';
import { turnWork } from './typed-contents.ts';
import { WireReader } from '../wire/reader.ts';

/**
 * @param message One whole message; the request keeps views on it, so it must not be reused before the answer.
 * @param forwarded Headers that become parameters, or null when there are none.
 * @throws InferenceError `invalid_argument`, or `not_found` for a region of shared memory. Nothing else.
 */
export function decodeInferRequest(message: Buffer, forwarded: readonly ForwardedHeader[] | null): InferenceRequest {
  const request = decodeUpToContents(message, forwarded, null);
  countHeldBytes(request, message);
  return request;
}

/** @param later gets the inputs with typed contents, unread; null reads them at once. */
function decodeUpToContents(
  message: Buffer,
  forwarded: readonly ForwardedHeader[] | null,
  later: TypedInput[] | null,
): RequestDraft {
  const reader = new WireReader(message);
  const inputs: DecodedTensor[] = [];
  const request = new RequestDraft();
  if (forwarded !== null) for (const [key, value] of forwarded) forwardHeader(request, key, value);
  let parameterCount = 0;
  let outputs: RequestedOutput[] | null = null;
  let inputTextBytes = 0;
  let outputTextBytes = 0;
  let typedName: string | null = null;
  let isRawSeen = false;
  let awaiting = 0;
  let early: Uint8Array[] | null = null;

  while (reader.at < reader.limit) {
    reader.countField();
    const tag = reader.readTag();
    switch (tag) {
      case 0x0a:
        request.modelName = reader.readName();
        break;
      case 0x12:
        request.modelVersion = reader.readName();
        break;
      case 0x1a:
        request.id = reader.readText('the id');
        break;
      case 0x22: {
        if (++parameterCount > requestLimits.parameters) throw tooMany('parameters', requestLimits.parameters);
        const { key, kind, value } = readParameterEntry(reader);
        requestParameters.add(request, key, kind, value);
        break;
      }
      case 0x2a: {
        if (inputs.length === requestLimits.tensors) throw tooMany('inputs', requestLimits.tensors);
        const input = readInput(reader, request.modelName, later);
        if (input.data !== rawAwaited) typedName ??= input.name;
        inputs.push(input);
        inputTextBytes = describedBytes(inputTextBytes, input.name, input.shape.length, 'inputs');
        break;
      }
      case 0x32: {
        outputs ??= [];
        if (outputs.length === requestLimits.tensors) throw tooMany('outputs', requestLimits.tensors);
        const output = readRequestedOutput(reader);
        outputs.push(output);
        outputTextBytes = describedBytes(outputTextBytes, output.name, 0, 'outputs');
        break;
      }
      case 0x3a: {
        isRawSeen = true;
        const raw = reader.readBytes();
        while (awaiting < inputs.length && (inputs[awaiting] as DecodedTensor).data !== rawAwaited) awaiting++;
        if (early === null && awaiting < inputs.length) {
          (inputs[awaiting++] as DecodedTensor).data = raw;
        } else {
          early ??= [];
          if (early.length === requestLimits.tensors) throw tooMany('raw_input_contents', requestLimits.tensors);
          early.push(raw);
        }
        break;
      }
      default:
        reader.skipUnknown(tag, 7);
    }
  }

  const { modelName } = request;
  if (isRawSeen && typedName !== null) {
    throw invalidArgument(
      `contents field must not be specified when using raw_input_contents for '${shownText(typedName)}' for model '${shownText(modelName)}'`,
    );
  }
  settleRaw(inputs, early, modelName);
  refuseRepeated(inputs, 'input', request.id);
  request.inputs = inputs;
  request.hasOnlyViews = typedName === null;
  if (outputs !== null) {
    refuseRepeated(outputs, 'output', request.id);
    request.outputs = outputs;
  }
  return request;
}

/**
 * Takes memory of the budget that the request has besides its message, or throws.
 *
 * @param decodedBytes All that was taken for it, with these bytes.
 */
type ReserveDecoded = (bytes: number, decodedBytes: number) => void;

/** What the slices of an `InferDecoding` do. */
export const decodingWork = 'the reading of a gRPC message';

/** A request with many typed elements or other fields, read a turn of the event loop at a time. */
export class InferDecoding {
  readonly message: Buffer;
  readonly #forwarded: readonly ForwardedHeader[] | null;
  readonly #reserve: ReserveDecoded;
  readonly #typed: TypedInput[] = [];
  #next = 0;
  #request: RequestDraft | null = null;
  /** Bytes reserved in the budget for decoded contents. */
  #reservedBytes = 0;

  constructor(message: Buffer, forwarded: readonly ForwardedHeader[] | null, reserve: ReserveDecoded) {
    this.message = message;
    this.#forwarded = forwarded;
    this.#reserve = reserve;
  }

  /**
   * Reads for a few milliseconds.
   *
   * @returns null when there is more to read; else the request, for which all memory is reserved.
   * @throws InferenceError as `decodeInferRequest`, and as `reserve`.
   */
  turn(): InferenceRequest | null {
    const { message } = this;
    if (this.#request === null) {
      this.#request = decodeUpToContents(message, this.#forwarded, this.#typed);
      return null;
    }
    let left = turnWork;
    for (; this.#next < this.#typed.length; this.#next++) {
      left = (this.#typed[this.#next] as TypedInput).read(left);
      if (left > 0) continue;
      this.#hold(this.#typed.reduce((bytes, typed) => bytes + typed.heldBytes, 0));
      return null;
    }
    countHeldBytes(this.#request, message);
    this.#hold(this.#request.heldBytes - message.length);
    return this.#request;
  }

  #hold(bytes: number): void {
    if (bytes <= this.#reservedBytes) return;
    this.#reserve(bytes - this.#reservedBytes, bytes);
    this.#reservedBytes = bytes;
  }
}

/** Inputs of more bytes than this, without raw contents, are decoded in slices, and only if the model exists. */
const largeInputBytes = 256 * 1024;

/** The same for the other fields, parameters and requested outputs above all: a byte of them costs ten times as much. */
const largeFieldBytes = 32 * 1024;

/**
 * The model of a message that takes long to decode, found without decoding it; null for all other messages.
 *
 * @throws InferenceError `invalid_argument` for malformed bytes.
 */
export function modelOfCostly(message: Buffer): { readonly name: string; readonly version: string } | null {
  if (message.length <= largeFieldBytes) return null;
  const reader = new WireReader(message);
  let name = '';
  let version = '';
  let inputBytes = 0;
  let fieldBytes = 0;
  while (reader.at < reader.limit) {
    const { at } = reader;
    reader.countField();
    const tag = reader.readTag();
    if (tag === 0x0a) name = reader.readName();
    else if (tag === 0x12) version = reader.readName();
    else if (tag === 0x2a || tag === 0x3a) reader.advance(reader.readLength());
    else reader.skipUnknown(tag, 0);
    if (tag === 0x2a) inputBytes += reader.at - at;
    else if (tag !== 0x3a) fieldBytes += reader.at - at;
  }
  return inputBytes > largeInputBytes || fieldBytes > largeFieldBytes ? { name, version } : null;
}

/** The id of a request that was refused before decoding or could not be decoded; '' if it cannot be found. */
export function requestIdOf(message: Buffer): string {
  const reader = new WireReader(message);
  let id = '';
  try {
    while (reader.at < reader.limit) {
      reader.countField();
      const tag = reader.readTag();
      if (tag === 0x1a) id = reader.readText('the id');
      else reader.skipUnknown(tag, 0);
    }
  } catch {
    // The caller already has an error to report.
  }
  return id;
}

/** Assigns raw entries that came before their inputs; refuses inputs without data and data without inputs. */
function settleRaw(inputs: readonly DecodedTensor[], early: readonly Uint8Array[] | null, modelName: string): void {
  let taken = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as DecodedTensor;
    if (input.data !== rawAwaited) continue;
    const raw = early?.[taken++];
    if (raw === undefined) {
      throw invalidArgument(
        `unable to find data for input tensor '${shownText(input.name)}' for model '${shownText(modelName)}' in request.`,
      );
    }
    input.data = raw;
  }
  if (early !== null && taken < early.length) {
    throw invalidArgument(
      `unexpected raw_input_contents for model '${shownText(modelName)}': ${early.length - taken} more than inputs that take one`,
    );
  }
}
