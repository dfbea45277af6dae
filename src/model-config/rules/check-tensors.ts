/** Rules of inputs and outputs that need no model file. Texts are Triton's. */

import { quoted } from '../../shown-text.ts';
import { datatypeOfConfigName } from '../../tensor/datatype.ts';
import type { Findings } from '../findings.ts';
import type { ConfigMessage, ModelInput, ModelOutput } from '../schema/config-message.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';

/** The most dimensions; no operator uses so many. */
const mostDims = 128;

/** @param signature allows what the model file itself declares: extents of 0 and unknown ranks */
export function checkTensors(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const { name = '', max_batch_size: maxBatchSize = 0 } = message;
  const check = new TensorCheck(name, maxBatchSize !== 0, findings);
  check.side('input', message.input ?? [], signature.inputs);
  check.side('output', message.output ?? [], signature.outputs);
}

type Tensor = ModelInput | ModelOutput;

class TensorCheck {
  readonly #model: string;
  readonly #isBatching: boolean;
  readonly #findings: Findings;

  constructor(model: string, isBatching: boolean, findings: Findings) {
    this.#model = model;
    this.#isBatching = isBatching;
    this.#findings = findings;
  }

  side(side: 'input' | 'output', tensors: readonly Tensor[], specs: readonly TensorSpec[]): void {
    const seen = new Set<string>();
    for (const tensor of tensors) {
      const { name = '', data_type: datatype = '' } = tensor;
      const spec = tensorNamed(specs, name);
      if (name === '' && spec === undefined) {
        this.#refuse(`model ${side} must specify 'name'`, tensor, 'name');
        continue;
      }
      const subject = `model ${side} ${quoted(name)}`;
      if (seen.has(name)) this.#refuse(`${subject} is specified more than once`, tensor, 'name');
      seen.add(name);
      if (datatypeOfConfigName(datatype) === null) {
        this.#refuse(`${subject} must specify 'data_type'`, tensor, 'data_type');
      }
      this.#shapes(subject, tensor, spec);
      if (side === 'input') this.#format(tensor);
      if (tensor.is_shape_tensor === true) {
        this.#refuse('shape tensors are only supported for TensorRT platform', tensor, 'is_shape_tensor');
      }
      if (tensor.is_non_linear_format_io === true) {
        const text = 'Non-linear IO format is only supported for the TensorRT platform';
        this.#refuse(text, tensor, 'is_non_linear_format_io');
      }
    }
  }

  #shapes(subject: string, tensor: Tensor, spec: TensorSpec | undefined): void {
    const dims = (tensor.dims ?? []).map(Number);
    const reshape = tensor.reshape === undefined ? null : (tensor.reshape.shape ?? []).map(Number);
    const rank = Math.max(dims.length, reshape?.length ?? 0);
    if (rank > mostDims) {
      this.#refuse(`${subject} has ${rank} dimensions: expected at most ${mostDims}`, tensor, 'dims');
      return;
    }
    if (dims.length === 0) {
      if (spec?.shape !== null) this.#refuse(`${subject} must specify 'dims'`, tensor, 'dims');
      return;
    }
    const declared = reshape === null ? (spec?.shape?.slice(this.#isBatching ? 1 : 0) ?? []) : [];
    if (!dims.every((dim, index) => isDimension(dim) || (dim === 0 && declared[index] === 0))) {
      const text = `${subject} dimension must be integer >= 1, or -1 to indicate a variable-size dimension`;
      this.#refuse(text, tensor, 'dims');
      return;
    }
    const problem = reshape === null ? null : this.#reshapeProblem(dims, reshape);
    if (problem !== null) this.#refuse(`${subject} ${problem}`, tensor, 'reshape');
  }

  #reshapeProblem(dims: readonly number[], reshape: readonly number[]): string | null {
    if (!reshape.every(isDimension)) {
      return 'reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension';
    }
    if (reshape.length === 0 && !this.#isBatching) {
      return 'cannot have empty reshape for non-batching model as scalar tensors are not supported';
    }
    // Variable dimensions are matched in order, with equal products between them.
    const [from, to] = [fixedProducts(dims), fixedProducts(reshape)];
    if (from.length !== to.length) return 'has different number of variable-size dimensions for dims and reshape';
    return from.every((product, index) => product === to[index]) ? null : 'has different size for dims and reshape';
  }

  #format(tensor: ModelInput): void {
    const isImage = tensor.format === 'FORMAT_NHWC' || tensor.format === 'FORMAT_NCHW';
    if (isImage && (tensor.dims ?? []).length !== 3) {
      this.#refuse('model input NHWC/NCHW require 3 dims', tensor, 'format');
    }
  }

  #refuse<Subject extends Tensor>(text: string, tensor: Subject, field: keyof Subject & string): void {
    this.#findings.refuse(`${text} for ${this.#model}`, tensor, field);
  }
}

const isDimension = (dim: number): boolean => dim === -1 || (dim >= 1 && Number.isSafeInteger(dim));

/** Products of the stretches between variable dimensions; bigint, because a product may pass 2^53. */
function fixedProducts(dims: readonly number[]): readonly bigint[] {
  const products = [1n];
  for (const dim of dims) {
    if (dim === -1) products.push(1n);
    else products[products.length - 1] = (products.at(-1) ?? 1n) * BigInt(dim);
  }
  return products;
}
