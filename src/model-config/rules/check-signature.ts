/**
 * Whether a configuration fits the model file: names, datatypes, shapes, batching. Texts are those of Triton's ONNX
 * backend, with the missing or misspelled name added.
 */

import { quoted, shownText } from '../../shown-text.ts';
import { datatypes } from '../../tensor/datatype.ts';
import { type Shape, shapeText } from '../../tensor/shape.ts';
import type { Findings } from '../findings.ts';
import type { ConfigMessage, ModelInput, ModelOutput } from '../schema/config-message.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';
import { didYouMean } from '../suggestion.ts';

export function checkSignature(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const check = new SignatureCheck(message, findings);
  check.inputs(signature.inputs);
  check.outputs(signature.outputs);
}

type Tensor = ModelInput | ModelOutput;

class SignatureCheck {
  readonly #message: ConfigMessage;
  readonly #model: string;
  readonly #isBatching: boolean;
  readonly #findings: Findings;

  constructor(message: ConfigMessage, findings: Findings) {
    this.#message = message;
    this.#model = message.name ?? '';
    this.#isBatching = (message.max_batch_size ?? 0) !== 0;
    this.#findings = findings;
  }

  inputs(specs: readonly TensorSpec[]): void {
    const tensors = this.#message.input ?? [];
    const given = new Set([...tensors.map(({ name = '' }) => name), ...suppliedInputs(this.#message)]);
    const required = specs.filter((spec) => !spec.isOptional);
    const missing = required.filter(({ name }) => !given.has(name));
    const names = missing.map(({ name }) => quoted(name)).join(', ');
    const provided = missing.length > 0 ? required.length : specs.length;
    if (given.size < required.length || given.size > specs.length) {
      const text = `unable to load model '${this.#model}', configuration expects ${given.size} inputs, model provides ${provided}`;
      this.#findings.refuse(text, this.#message, 'input');
    }
    if (missing.length > 0) {
      const text = `model '${this.#model}' needs inputs that are not configured: ${names}`;
      this.#findings.refuse(text, this.#message, 'input');
    }
    for (const tensor of tensors) {
      const spec = this.#specOf('input', tensor, specs);
      if (spec === null) continue;
      this.#datatype('input', tensor, spec);
      if (tensor.allow_ragged_batch === true && this.#isBatching) this.#ragged(tensor, spec);
      else this.#shape(tensor, spec, false);
      if (tensor.optional === true) this.#optional(tensor, spec);
    }
  }

  outputs(specs: readonly TensorSpec[]): void {
    const tensors = this.#message.output ?? [];
    if (tensors.length === 0 && specs.length > 0) {
      const text = `model '${this.#model}' must have at least one output in its configuration`;
      this.#findings.refuse(text, this.#message, 'output');
    }
    for (const tensor of tensors) {
      const spec = this.#specOf('output', tensor, specs);
      if (spec === null) continue;
      this.#datatype('output', tensor, spec);
      this.#shape(tensor, spec, true);
    }
  }

  #specOf(side: 'input' | 'output', tensor: Tensor, specs: readonly TensorSpec[]): TensorSpec | null {
    const { name = '' } = tensor;
    const spec = tensorNamed(specs, name);
    if (spec !== undefined) return spec;
    if (name !== '' && !this.#findings.isEnough) {
      this.#findings.refuse(unexpectedName(side, name, specs), tensor, 'name');
    }
    return null;
  }

  #datatype(side: 'input' | 'output', tensor: Tensor, spec: TensorSpec): void {
    const given = tensor.data_type ?? 'TYPE_INVALID';
    const expected = datatypes[spec.datatype].configName;
    if (given === 'TYPE_INVALID' || given === expected) return;
    const text = `unable to load model '${this.#model}', configuration expects datatype ${given} for ${side} ${quoted(spec.name)}, model provides ${expected}`;
    this.#findings.refuse(text, tensor, 'data_type');
  }

  /** An input may fix dimensions that the model leaves open; an output must equal the model's. */
  #shape(tensor: Tensor, spec: TensorSpec, isExact: boolean): void {
    const { reshape } = tensor;
    const dims = (reshape === undefined ? tensor.dims : reshape.shape)?.map(Number) ?? [];
    if (
      spec.shape === null ||
      spec.isShapeDisputed ||
      (dims.length === 0 && reshape === undefined) ||
      !dims.every(Number.isSafeInteger) ||
      this.#findings.isEnough
    )
      return;
    // One value for all rows: Triton compares no dimensions of it either.
    if (this.#isBatching && spec.shape.length === 0 && dims.every((dim) => dim === 1)) return;
    const blamed = reshape === undefined ? 'dims' : 'reshape';
    if (this.#isBatching && spec.shape[0] !== -1) {
      this.#findings.refuse(
        `${this.#subject(spec)}: for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is ${shapeText(spec.shape)} (max_batch_size: 0 serves it without batching)`,
        tensor,
        blamed,
      );
      return;
    }
    const isScalar = spec.shape.length === 0 && dims.length === 1 && dims[0] === 1;
    const given = this.#isBatching ? [-1, ...dims] : dims;
    if (isScalar || fits(given, spec.shape, isExact)) return;
    this.#findings.refuse(this.#shapeProblem(spec, spec.shape, given), tensor, blamed);
  }

  #shapeProblem(spec: TensorSpec, expected: Shape, given: Shape): string {
    const explanation = this.#isBatching
      ? `an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape ${shapeText(given)}`
      : `shape ${shapeText(given)}`;
    const hint =
      !this.#isBatching && given.length === expected.length - 1 && fits([-1, ...given], expected, false)
        ? '; the batch dimension belongs to dims unless max_batch_size is at least 1'
        : '';
    return `${this.#subject(spec)}: the model expects ${expected.length} dimensions (shape ${shapeText(expected)}) but the model configuration specifies ${given.length} dimensions (${explanation})${hint}`;
  }

  #ragged(tensor: ModelInput, spec: TensorSpec): void {
    if (spec.shape === null || (spec.shape.length === 1 && spec.shape[0] === -1)) return;
    const text = `${this.#subject(spec)}: an input with allow_ragged_batch must have the shape [-1] in the model; it has ${shapeText(spec.shape)}`;
    this.#findings.refuse(text, tensor, 'allow_ragged_batch');
  }

  #optional(tensor: ModelInput, spec: TensorSpec): void {
    if (this.#isBatching) {
      const text = `optional input ${quoted(spec.name)} is not supported for models that support batching`;
      this.#findings.refuse(text, tensor, 'optional');
    } else if (!spec.isOptional) {
      const text = `${this.#subject(spec)}: the input cannot be optional, the model has no initializer of that name`;
      this.#findings.refuse(text, tensor, 'optional');
    }
  }

  #subject(spec: TensorSpec): string {
    return `model '${this.#model}', tensor ${quoted(spec.name)}`;
  }
}

/** The most names that an error lists. */
const mostListed = 100;

export function unexpectedName(side: 'input' | 'output', name: string, specs: readonly TensorSpec[]): string {
  const names = specs.map((spec) => spec.name).sort();
  const listed = names.length > mostListed ? [...names.slice(0, mostListed), '…'] : names;
  return `unexpected inference ${side} ${quoted(name)}, allowed ${side}s are: ${listed.map((one) => shownText(one)).join(', ')}${didYouMean(name, names)}`;
}

function fits(given: Shape, expected: Shape, isExact: boolean): boolean {
  if (given.length !== expected.length) return false;
  return expected.every((dim, index) => dim === given[index] || (dim === -1 && !isExact));
}

/** Inputs that a configured feature of the server would fill. */
function suppliedInputs({
  batch_input: batchInputs = [],
  sequence_batching: sequence,
}: ConfigMessage): readonly string[] {
  const names = batchInputs.flatMap((entry) => entry.target_name ?? []);
  const controls = sequence?.control_input?.map(({ name = '' }) => name) ?? [];
  const states = sequence?.state?.map((state) => state.input_name ?? '') ?? [];
  return [...names, ...controls, ...states];
}
