/** Small requests, tensors and contexts. */

import { Cancellation, type InferenceContext } from '../../src/inference/context.ts';
import { type InferenceRequest, noParameters } from '../../src/inference/request.ts';
import { encodeBytesElements } from '../../src/tensor/bytes-elements.ts';
import type { Datatype } from '../../src/tensor/datatype.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { hostBytes, type TensorBytes } from '../../src/tensor/tensor-bytes.ts';

export const tensor = (name: string, datatype: Datatype, shape: Shape, data: TensorBytes): Tensor => ({
  name,
  datatype,
  shape,
  data,
});

export const fp32Bytes = (values: readonly number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

export const fp32Values = (data: TensorBytes): number[] => [...new Float32Array(hostBytes(data).slice().buffer)];

export const fp32 = (name: string, shape: Shape, values: readonly number[]): Tensor =>
  tensor(name, 'FP32', shape, fp32Bytes(values));

export const bytesTensor = (name: string, shape: Shape, texts: readonly string[]): Tensor =>
  tensor(name, 'BYTES', shape, encodeBytesElements(texts.map((text) => Buffer.from(text))));

export const inferenceRequest = (rest: Partial<InferenceRequest> = {}): InferenceRequest => ({
  modelName: 'm',
  modelVersion: '',
  id: '',
  inputs: [fp32('INPUT', [1, 1], [0])],
  outputs: [],
  parameters: noParameters,
  priority: 0,
  timeoutUs: 0,
  sequence: null,
  heldBytes: 0,
  ...rest,
});

export const inferenceContext = (rest: Partial<InferenceContext> = {}): InferenceContext => ({
  receivedAtMs: 0,
  deadlineMs: Number.POSITIVE_INFINITY,
  cancellation: new Cancellation(),
  caller: null,
  ...rest,
});
