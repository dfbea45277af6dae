/** The memory of a request apart from the message from which it was read. */

import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { InferenceRequest, ParameterValue, RequestDraft } from './request.ts';

/** Bytes of the objects for a tensor, an output or a parameter in V8, without their texts; rounded up. */
const tensorBytes = 192;
const outputBytes = 96;
const parameterBytes = 96;
const dimensionBytes = 8;
/** Texts have two bytes per character where one of them is not Latin. */
const characterBytes = 2;
/** An element of a BYTES tensor in ONNX Runtime, beside its text, and in a request: its length. */
const stringBytes = 32;
const leastStringBytes = 4;
/** Smaller buffers are parts of pooled ones. */
const ownBufferBytes = 64 * 1024;

/** Counts what a request holds that was read from this message. */
export function countHeldBytes(draft: RequestDraft, message: Buffer): void {
  // To ask an array for its buffer is a call into the runtime, which makes the buffer of a small array first.
  const dataBytes = draft.hasOnlyViews ? 0 : ownTensorBytes(draft, message.buffer);
  draft.heldBytes = message.length + dataBytes + decodedBytes(draft);
}

function decodedBytes(request: InferenceRequest): number {
  const { id, inputs, outputs, parameters } = request;
  let bytes = id.length * characterBytes + outputs.length * outputBytes;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as (typeof inputs)[number];
    bytes += tensorBytes + input.shape.length * dimensionBytes;
    if (input.datatype === 'BYTES') bytes += engineStringBytes(input);
  }
  for (let i = 0; i < outputs.length; i++) bytes += (outputs[i]?.name.length ?? 0) * characterBytes;
  if (parameters.size > 0) for (const [key, value] of parameters) bytes += parameterSize(key, value);
  return bytes;
}

/** What the engine will take for the elements of a BYTES tensor: eight times what the request has for empty ones. */
function engineStringBytes({ data, shape }: Tensor): number {
  const most = Math.floor(data.length / leastStringBytes);
  return Math.min(elementCount(shape) ?? most, most) * stringBytes;
}

/** @param message Where the message lies: tensors that are views on it take nothing. */
function ownTensorBytes({ inputs }: InferenceRequest, message: ArrayBufferLike): number {
  let bytes = 0;
  for (let i = 0; i < inputs.length; i++) {
    const { data } = inputs[i] as (typeof inputs)[number];
    // Memory of a region is counted by its owner.
    if (!(data instanceof Uint8Array)) continue;
    const { buffer } = data;
    // A view keeps all of its buffer.
    if (buffer !== message) bytes += buffer.byteLength >= ownBufferBytes ? buffer.byteLength : data.length;
  }
  return bytes;
}

function parameterSize(key: string, value: ParameterValue): number {
  const text = typeof value === 'string' ? value.length : 0;
  return parameterBytes + (key.length + text) * characterBytes;
}

/** Whether tensors of the request are views on the message. */
export function isViewedBy({ inputs }: InferenceRequest, message: ArrayBufferLike): boolean {
  for (let i = 0; i < inputs.length; i++) {
    const data = inputs[i]?.data;
    if (data instanceof Uint8Array && data.buffer === message) return true;
  }
  return false;
}
