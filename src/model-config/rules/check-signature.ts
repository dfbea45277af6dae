/**
 * Whether a configuration fits the model file: names, datatypes, shapes, batching. Texts are those of Triton's ONNX
 * backend, with the missing or misspelled name added.
 */

import { datatypes } from '../../tensor/datatype.ts';
import { type Shape, shapeText } from '../../tensor/shape.ts';
import { type Findings, isEnough } from '../findings.ts';
import { flagOf, messageOf, messagesOf, numberOf, numbersOf, textOf, textsOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';
import { type ModelSignature, type TensorSpec, tensorNamed } from '../signature.ts';
import { didYouMean } from '../suggestion.ts';

export function checkSignature(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const check = new SignatureCheck(message, findings.invalid);
  check.inputs(signature.inputs);
  check.outputs(signature.outputs);
}

class SignatureCheck {
  readonly #message: ConfigMessage;
  readonly #model: string;
  readonly #isBatching: boolean;
  readonly #invalid: string[];

  constructor(message: ConfigMessage, invalid: string[]) {
    this.#message = message;
    this.#model = textOf(message, 'name');
    this.#isBatching = numberOf(message, 'max_batch_size') !== 0;
    this.#invalid = invalid;
  }

  inputs(specs: readonly TensorSpec[]): void {
    const tensors = messagesOf(this.#message, 'input');
    const given = new Set([...tensors.map((tensor) => textOf(tensor, 'name')), ...suppliedInputs(this.#message)]);
    const required = specs.filter((spec) => !spec.isOptional);
    const missing = required.filter(({ name }) => !given.has(name));
    const names = missing.map(({ name }) => `'${name}'`).join(', ');
    const provided = missing.length > 0 ? required.length : specs.length;
    if (given.size < required.length || given.size > specs.length) {
      this.#invalid.push(
        `unable to load model '${this.#model}', configuration expects ${given.size} inputs, model provides ${provided}`,
      );
    }
    if (missing.length > 0) this.#invalid.push(`model '${this.#model}' needs inputs that are not configured: ${names}`);
    for (const tensor of tensors) {
      const spec = this.#specOf('input', tensor, specs);
      if (spec === null) continue;
      this.#datatype('input', tensor, spec);
      if (flagOf(tensor, 'allow_ragged_batch') && this.#isBatching) this.#ragged(spec);
      else this.#shape(tensor, spec, false);
      if (flagOf(tensor, 'optional')) this.#optional(spec);
    }
  }

  outputs(specs: readonly TensorSpec[]): void {
    const tensors = messagesOf(this.#message, 'output');
    if (tensors.length === 0 && specs.length > 0) {
      this.#invalid.push(`model '${this.#model}' must have at least one output in its configuration`);
    }
    for (const tensor of tensors) {
      const spec = this.#specOf('output', tensor, specs);
      if (spec === null) continue;
      this.#datatype('output', tensor, spec);
      this.#shape(tensor, spec, true);
    }
  }

  #specOf(side: 'input' | 'output', tensor: ConfigMessage, specs: readonly TensorSpec[]): TensorSpec | null {
    const name = textOf(tensor, 'name');
    const spec = tensorNamed(specs, name);
    if (spec !== undefined) return spec;
    if (name !== '' && !isEnough(this.#invalid)) this.#invalid.push(unexpectedName(side, name, specs));
    return null;
  }

  #datatype(side: 'input' | 'output', tensor: ConfigMessage, spec: TensorSpec): void {
    const given = textOf(tensor, 'data_type');
    const expected = datatypes[spec.datatype].configName;
    if (given !== '' && given !== 'TYPE_INVALID' && given !== expected) {
      this.#invalid.push(
        `unable to load model '${this.#model}', configuration expects datatype ${given} for ${side} '${spec.name}', model provides ${expected}`,
      );
    }
  }

  /** An input may fix dimensions that the model leaves open; an output must equal the model's. */
  #shape(tensor: ConfigMessage, spec: TensorSpec, isExact: boolean): void {
    const reshape = messageOf(tensor, 'reshape');
    const dims = reshape === null ? numbersOf(tensor, 'dims') : numbersOf(reshape, 'shape');
    if (
      spec.shape === null ||
      spec.isShapeDisputed ||
      (dims.length === 0 && reshape === null) ||
      !dims.every(Number.isSafeInteger) ||
      isEnough(this.#invalid)
    )
      return;
    // One value for all rows: Triton compares no dimensions of it either.
    if (this.#isBatching && spec.shape.length === 0 && dims.every((dim) => dim === 1)) return;
    if (this.#isBatching && spec.shape[0] !== -1) {
      this.#invalid.push(
        `${this.#subject(spec)}: for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is ${shapeText(spec.shape)} (max_batch_size: 0 serves it without batching)`,
      );
      return;
    }
    const isScalar = spec.shape.length === 0 && dims.length === 1 && dims[0] === 1;
    const given = this.#isBatching ? [-1, ...dims] : dims;
    if (!isScalar && !fits(given, spec.shape, isExact)) this.#invalid.push(this.#shapeProblem(spec, spec.shape, given));
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

  #ragged(spec: TensorSpec): void {
    if (spec.shape !== null && (spec.shape.length !== 1 || spec.shape[0] !== -1)) {
      this.#invalid.push(
        `${this.#subject(spec)}: an input with allow_ragged_batch must have the shape [-1] in the model; it has ${shapeText(spec.shape)}`,
      );
    }
  }

  #optional(spec: TensorSpec): void {
    if (this.#isBatching) {
      this.#invalid.push(`optional input '${spec.name}' is not supported for models that support batching`);
    } else if (!spec.isOptional) {
      this.#invalid.push(
        `${this.#subject(spec)}: the input cannot be optional, the model has no initializer of that name`,
      );
    }
  }

  #subject(spec: TensorSpec): string {
    return `model '${this.#model}', tensor '${spec.name}'`;
  }
}

/** The most names that an error lists. */
const mostListed = 100;

export function unexpectedName(side: 'input' | 'output', name: string, specs: readonly TensorSpec[]): string {
  const names = specs.map((spec) => spec.name).sort();
  const listed = names.length > mostListed ? [...names.slice(0, mostListed), '…'] : names;
  return `unexpected inference ${side} '${name}', allowed ${side}s are: ${listed.join(', ')}${didYouMean(name, names)}`;
}

function fits(given: Shape, expected: Shape, isExact: boolean): boolean {
  if (given.length !== expected.length) return false;
  return expected.every((dim, index) => dim === given[index] || (dim === -1 && !isExact));
}

/** Inputs that a configured feature of the server would fill. */
function suppliedInputs(message: ConfigMessage): readonly string[] {
  const names = messagesOf(message, 'batch_input').flatMap((entry) => textsOf(entry, 'target_name'));
  const sequence = messageOf(message, 'sequence_batching');
  if (sequence === null) return names;
  const controls = messagesOf(sequence, 'control_input').map((control) => textOf(control, 'name'));
  const states = messagesOf(sequence, 'state').map((state) => textOf(state, 'input_name'));
  return [...names, ...controls, ...states];
}
