/**
 * Encodes an `InferenceResponse` as ModelInferResponse or ModelStreamInferResponse without a library: sizes are summed
 * first, then everything is written once into the outgoing frame.
 */

import type { ParameterValue } from '../../../inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../../inference/response.ts';
import type { Shape } from '../../../tensor/shape.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { hostBytes } from '../../../tensor/tensor-bytes.ts';
import { classify, isLongClassification } from '../../v2/classification.ts';
import { type AnswerNames, answerNames } from './answer-names.ts';
import type { OutgoingMessage } from '../transport/transport.ts';
import {
  int64Size,
  lengthFieldSize,
  textBytes,
  textFieldSize,
  varint64Size,
  writeBytesField,
  writeEncoded,
  writeInt64,
  writeLengthTag,
  writeTextField,
  writeVarint64,
} from '../wire/writer.ts';

/** Outputs of this size and more are sent from where they lie; smaller ones are copied, which releases their memory at once. */
const leastPlacedBytes = 64 * 1024;

/** Response parameter of a stream's answers: whether it is the last one to its request. */
const finalKey = 'triton_final_response';

/** The place of a response: the answer of a unary call, or a part or the final response of a request in a stream. */
export type ResponsePlace = 'unary' | 'streamPart' | 'streamFinal';

/**
 * A response ready to be written. Made in one turn and written in the same or a later one; the underlying
 * response is released when it has been written or discarded.
 */
export class InferResponseMessage implements OutgoingMessage {
  readonly byteLength: number;
  readonly #response: InferenceResponse;
  readonly #outputs: readonly Tensor[];
  readonly #names: AnswerNames;
  /** The size of the ModelInferResponse inside a ModelStreamInferResponse; -1 outside of streams. */
  readonly #nestedBytes: number;
  readonly #place: ResponsePlace;
  #isReleased = false;

  /** @throws InferenceError when an output cannot be classified; the response is released then. */
  constructor(response: InferenceResponse, place: ResponsePlace) {
    this.#response = response;
    this.#place = place;
    try {
      this.#outputs = classifiedOutputs(response);
    } catch (error) {
      response.release();
      throw error;
    }
    this.#names = answerNames(response, this.#outputs);
    const bytes = responseSize(response, this.#names, this.#outputs, place);
    this.#nestedBytes = place === 'unary' ? -1 : bytes;
    this.byteLength = place === 'unary' ? bytes : lengthFieldSize(bytes);
  }

  copy(target: Buffer, at: number): void {
    const place = this.#place;
    let to = place === 'unary' ? at : writeLengthTag(target, at, 0x12, this.#nestedBytes);
    to = writeHead(target, to, this.#response, this.#names, this.#outputs, place);
    const outputs = this.#outputs;
    for (let i = 0; i < outputs.length; i++)
      to = writeBytesField(target, to, 0x32, hostBytes((outputs[i] as Tensor).data));
    this.discard();
  }

  get placedBytes(): number {
    if (this.#response.isShared === true) return 0;
    let bytes = 0;
    for (const { data } of this.#outputs) if (data.length >= leastPlacedBytes) bytes += data.length;
    return bytes;
  }

  pieces(target: Buffer, at: number): Buffer[] {
    const place = this.#place;
    const pieces: Buffer[] = [];
    let to = place === 'unary' ? at : writeLengthTag(target, at, 0x12, this.#nestedBytes);
    to = writeHead(target, to, this.#response, this.#names, this.#outputs, place);
    let from = 0;
    for (const output of this.#outputs) {
      const data = hostBytes(output.data);
      if (data.length < leastPlacedBytes) {
        to = writeBytesField(target, to, 0x32, data);
        continue;
      }
      to = writeLengthTag(target, to, 0x32, data.length);
      pieces.push(target.subarray(from, to), Buffer.from(data.buffer, data.byteOffset, data.length));
      from = to;
    }
    if (to > from) pieces.push(target.subarray(from, to));
    return pieces;
  }

  discard(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#response.release();
  }
}

/**
 * The in-band answer to a failed request of a stream.
 *
 * @param model Null when the model of the request is not known: then only the id is echoed.
 */
export function encodeStreamError(
  message: string,
  id: string,
  model: { readonly name: string; readonly version: string } | null,
): Buffer {
  const name = model?.name ?? '';
  const version = model?.version ?? '';
  const parameterBytes = model === null ? 0 : lengthFieldSize(parameterSize(finalKey, true));
  const nested = textFieldSize(name) + textFieldSize(version) + textFieldSize(id) + parameterBytes;
  const target = Buffer.allocUnsafe(textFieldSize(message) + lengthFieldSize(nested));
  let to = writeTextField(target, 0, 0x0a, message);
  to = writeLengthTag(target, to, 0x12, nested);
  to = writeTextField(target, to, 0x0a, name);
  to = writeTextField(target, to, 0x12, version);
  to = writeTextField(target, to, 0x1a, id);
  if (model !== null) writeParameter(target, to, finalKey, true);
  return target;
}

/** What `InferResponseMessage` does with such a response, in a slice of its own. */
export const classifyingWork = 'the classification of an output';

/** Whether an output needs a turn of the event loop for its classification. */
export function hasLongClassification({ outputs }: InferenceResponse): boolean {
  for (let i = 0; i < outputs.length; i++) if (isLongClassification(outputs[i] as OutputTensor)) return true;
  return false;
}

/** The outputs, those with wanted classes replaced by their classification. */
function classifiedOutputs(response: InferenceResponse): readonly Tensor[] {
  const { outputs } = response;
  for (let i = 0; i < outputs.length; i++) {
    if ((outputs[i] as { classificationCount: number }).classificationCount > 0) return classifyAll(response);
  }
  return outputs;
}

const classifyAll = ({ outputs, isBatched }: InferenceResponse): readonly Tensor[] =>
  outputs.map((output): Tensor => {
    if (output.classificationCount === 0) return output;
    const { shape, data } = classify(output, isBatched);
    return { name: output.name, datatype: 'BYTES', shape, data };
  });

function responseSize(
  response: InferenceResponse,
  names: AnswerNames,
  outputs: readonly Tensor[],
  place: ResponsePlace,
): number {
  let size = names.model.length + textFieldSize(response.id);
  if (response.parameters.size > 0) {
    for (const [key, value] of response.parameters) size += lengthFieldSize(parameterSize(key, value));
  }
  if (place !== 'unary') size += lengthFieldSize(parameterSize(finalKey, true));
  for (let i = 0; i < outputs.length; i++) {
    const { shape, data } = outputs[i] as Tensor;
    size += lengthFieldSize(outputSize(names.outputs[i] as Uint8Array, shape)) + lengthFieldSize(data.length);
  }
  return size;
}

/** Everything but the contents of outputs. Returns the position after it. */
function writeHead(
  target: Buffer,
  at: number,
  response: InferenceResponse,
  names: AnswerNames,
  outputs: readonly Tensor[],
  place: ResponsePlace,
): number {
  let to = writeEncoded(target, at, names.model);
  to = writeTextField(target, to, 0x1a, response.id);
  if (response.parameters.size > 0) {
    for (const [key, value] of response.parameters) to = writeParameter(target, to, key, value);
  }
  if (place !== 'unary') to = writeParameter(target, to, finalKey, place === 'streamFinal');
  for (let i = 0; i < outputs.length; i++) {
    to = writeOutput(target, to, names.outputs[i] as Uint8Array, (outputs[i] as Tensor).shape);
  }
  return to;
}

/** An InferOutputTensor: the fields of its names, and its shape. */
const outputSize = (names: Uint8Array, shape: Shape): number =>
  names.length + (shape.length === 0 ? 0 : lengthFieldSize(dimsSize(shape)));

function dimsSize(shape: Shape): number {
  let size = 0;
  for (let i = 0; i < shape.length; i++) size += int64Size(shape[i] as number);
  return size;
}

function writeOutput(target: Buffer, at: number, names: Uint8Array, shape: Shape): number {
  const to = writeEncoded(target, writeLengthTag(target, at, 0x2a, outputSize(names, shape)), names);
  if (shape.length === 0) return to;
  let end = writeLengthTag(target, to, 0x1a, dimsSize(shape));
  for (let i = 0; i < shape.length; i++) end = writeInt64(target, end, shape[i] as number);
  return end;
}

/** The size of a map entry: the key and the InferParameter. */
const parameterSize = (key: string, value: ParameterValue): number =>
  textFieldSize(key) + lengthFieldSize(choiceSize(value));

function choiceSize(value: ParameterValue): number {
  switch (typeof value) {
    case 'boolean':
      return 2;
    case 'string':
      return lengthFieldSize(textBytes(value));
    case 'bigint':
      return 1 + varint64Size(value);
    default:
      return Number.isSafeInteger(value) ? 1 + int64Size(value) : 9;
  }
}

function writeParameter(target: Buffer, at: number, key: string, value: ParameterValue): number {
  let to = writeLengthTag(target, at, 0x22, parameterSize(key, value));
  to = writeTextField(target, to, 0x0a, key);
  to = writeLengthTag(target, to, 0x12, choiceSize(value));
  switch (typeof value) {
    case 'boolean':
      target[to] = 0x08;
      target[to + 1] = value ? 1 : 0;
      return to + 2;
    case 'string':
      // Written even when it is empty: the presence of a field selects the member of the oneof.
      to = writeLengthTag(target, to, 0x1a, textBytes(value));
      return to + target.write(value, to);
    case 'bigint':
      target[to] = BigInt.asIntN(64, value) === value ? 0x10 : 0x28;
      return writeVarint64(target, to + 1, value);
    default:
      if (Number.isSafeInteger(value)) {
        target[to] = 0x10;
        return writeInt64(target, to + 1, value);
      }
      target[to] = 0x21;
      return target.writeDoubleLE(value, to + 1);
  }
}
