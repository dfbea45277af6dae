/** Rules of inputs and outputs that need no model file. Texts are Triton's. */

import { datatypeOfConfigName } from '../../tensor/datatype.ts';
import type { Findings } from '../findings.ts';
import { flagOf, messageOf, messagesOf, numberOf, numbersOf, textOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

/** The most dimensions; no operator uses so many. */
const mostDims = 128;

/** @param signature allows what the model file itself declares: extents of 0 and unknown ranks */
export function checkTensors(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const isBatching = numberOf(message, 'max_batch_size') !== 0;
  const found: string[] = [];
  checkSide('input', messagesOf(message, 'input'), signature.inputs, isBatching, found);
  checkSide('output', messagesOf(message, 'output'), signature.outputs, isBatching, found);
  const name = textOf(message, 'name');
  for (const problem of found) findings.invalid.push(`${problem} for ${name}`);
}

function checkSide(
  side: 'input' | 'output',
  tensors: readonly ConfigMessage[],
  specs: readonly TensorSpec[],
  isBatching: boolean,
  invalid: string[],
): void {
  const seen = new Set<string>();
  for (const tensor of tensors) {
    const name = textOf(tensor, 'name');
    const spec = tensorNamed(specs, name);
    if (name === '' && spec === undefined) {
      invalid.push(`model ${side} must specify 'name'`);
      continue;
    }
    const subject = `model ${side} '${name}'`;
    if (seen.has(name)) invalid.push(`${subject} is specified more than once`);
    seen.add(name);
    if (datatypeOfConfigName(textOf(tensor, 'data_type')) === null) invalid.push(`${subject} must specify 'data_type'`);
    checkShapes(subject, tensor, spec, isBatching, invalid);
    if (side === 'input') checkFormat(tensor, invalid);
    if (flagOf(tensor, 'is_shape_tensor')) invalid.push('shape tensors are only supported for TensorRT platform');
    if (flagOf(tensor, 'is_non_linear_format_io')) {
      invalid.push('Non-linear IO format is only supported for the TensorRT platform');
    }
  }
}

function checkShapes(
  subject: string,
  tensor: ConfigMessage,
  spec: TensorSpec | undefined,
  isBatching: boolean,
  invalid: string[],
): void {
  const dims = numbersOf(tensor, 'dims');
  const reshapeMessage = messageOf(tensor, 'reshape');
  const reshape = numbersOf(reshapeMessage ?? {}, 'shape');
  const rank = Math.max(dims.length, reshape.length);
  if (rank > mostDims) {
    invalid.push(`${subject} has ${rank} dimensions: expected at most ${mostDims}`);
    return;
  }
  if (dims.length === 0) {
    if (spec?.shape !== null) invalid.push(`${subject} must specify 'dims'`);
    return;
  }
  const declared = reshapeMessage === null ? (spec?.shape?.slice(isBatching ? 1 : 0) ?? []) : [];
  if (!dims.every((dim, index) => isDimension(dim) || (dim === 0 && declared[index] === 0))) {
    invalid.push(`${subject} dimension must be integer >= 1, or -1 to indicate a variable-size dimension`);
    return;
  }
  if (reshapeMessage === null) return;
  if (!reshape.every(isDimension)) {
    invalid.push(`${subject} reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension`);
  } else if (reshape.length === 0 && !isBatching) {
    invalid.push(`${subject} cannot have empty reshape for non-batching model as scalar tensors are not supported`);
  } else checkReshape(subject, dims, reshape, invalid);
}

const isDimension = (dim: number): boolean => dim === -1 || (dim >= 1 && Number.isSafeInteger(dim));

/** Variable dimensions are matched in order, with equal products between them. */
function checkReshape(subject: string, dims: readonly number[], reshape: readonly number[], invalid: string[]): void {
  const [from, to] = [fixedProducts(dims), fixedProducts(reshape)];
  if (from.length !== to.length) {
    invalid.push(`${subject} has different number of variable-size dimensions for dims and reshape`);
  } else if (from.some((product, index) => product !== to[index])) {
    invalid.push(`${subject} has different size for dims and reshape`);
  }
}

/** Products of the stretches between variable dimensions; bigint, because a product may pass 2^53. */
function fixedProducts(dims: readonly number[]): readonly bigint[] {
  const products = [1n];
  for (const dim of dims) {
    if (dim === -1) products.push(1n);
    else products[products.length - 1] = (products.at(-1) ?? 1n) * BigInt(dim);
  }
  return products;
}

function checkFormat(tensor: ConfigMessage, invalid: string[]): void {
  const format = textOf(tensor, 'format');
  const isImage = format === 'FORMAT_NHWC' || format === 'FORMAT_NCHW';
  if (isImage && numbersOf(tensor, 'dims').length !== 3) invalid.push('model input NHWC/NCHW require 3 dims');
}
