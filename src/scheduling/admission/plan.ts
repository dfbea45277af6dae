/**
 * A model's configuration and signature in the form that admission needs, compiled once when a version is loaded, so
 * that `admit` only compares numbers. It never changes.
 */

import { internal } from '../../errors.ts';
import type { InputConfig, ModelConfig } from '../../model-config/model-config.ts';
import type { ModelSignature, TensorSpec } from '../../model-config/signature.ts';
import { quoted } from '../../shown-text.ts';
import { type Datatype, datatypes } from '../../tensor/datatype.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import type { AdmittedOutput } from './admitted-request.ts';

/** One input of a model, in the form that admission needs. */
export interface InputPlan {
  readonly name: string;
  /** Index in the signature's inputs, by which the engine knows it. */
  readonly index: number;
  /** Place in `AdmissionPlan.inputs`. */
  readonly position: number;
  readonly datatype: Datatype;
  /** 0 for BYTES. */
  readonly elementBytes: number;
  /** Pattern without the batch dimension. */
  readonly dims: Shape;
  /** The model leaves even the rank open. */
  readonly isAnyShape: boolean;
  /** Elements of one row (of the whole tensor for a model that does not batch), or -1 when `dims` leaves it open. */
  readonly fixedElements: number;
  /** Null, or the pattern that replaces `dims` on the way to the model. */
  readonly modelDims: Shape | null;
  readonly isOptional: boolean;
  /** The model sees it flattened, and requests may share a batch whatever its shape is. */
  readonly isRagged: boolean;
  /**
   * A scalar of a model that batches: one value for all rows. Callers give it once per row, or once without a shape.
   */
  readonly isShared: boolean;
}

/** A model in the form that admission needs; made by `compileAdmission` when a version is loaded. */
export interface AdmissionPlan {
  readonly modelName: string;
  /** 0: no batch dimension. */
  readonly maxRows: number;
  /** Ascending by `index`. */
  readonly inputs: readonly InputPlan[];
  readonly inputsByName: ReadonlyMap<string, InputPlan>;
  readonly requiredCount: number;
  /**
   * A request with more rows than `maxRows` is accepted as a batch of its own if its inputs have no more bytes; 0:
   * never.
   */
  readonly maxOversizeBytes: number;
  /** Whether requests may differ in a way that keeps them out of one batch. */
  readonly hasVariety: boolean;
  /** Sorted by name; used as it is by every request that names no outputs. */
  readonly allOutputs: readonly AdmittedOutput[];
  readonly outputsByName: ReadonlyMap<string, AdmittedOutput>;
}

/**
 * A default batch size must not make the server refuse the first real request of a user: with up to these bytes of
 * inputs, a request of more rows runs as a batch of its own. A bound on bytes, because the cost of a row is in
 * proportion to its size.
 */
const oversizeBytes = 1 << 20;

/** @throws InferenceError internal when the configuration names a tensor the signature lacks: a bug in its checks */
export function compileAdmission(config: ModelConfig, signature: ModelSignature): AdmissionPlan {
  const isBatched = config.maxBatchSize > 0;
  const inputs = config.inputs
    .map((input) => ({ input, index: indexOf(signature.inputs, input.name, config.name) }))
    .sort((a, b) => a.index - b.index)
    .map(({ input, index }, position) =>
      planInput(input, index, position, signature.inputs[index] as TensorSpec, isBatched),
    );
  const outputs = config.outputs
    .map((output) => ({
      index: indexOf(signature.outputs, output.name, config.name),
      name: output.name,
      classificationCount: 0,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    modelName: config.name,
    maxRows: config.maxBatchSize,
    inputs,
    inputsByName: new Map(inputs.map((input) => [input.name, input])),
    requiredCount: inputs.filter((input) => !input.isOptional).length,
    maxOversizeBytes: isBatched && config.batching.isImplied ? oversizeBytes : 0,
    hasVariety: isBatched && inputs.some(keepsApart),
    allOutputs: outputs,
    outputsByName: new Map(outputs.map((output) => [output.name, output])),
  };
}

const keepsApart = ({ isOptional, isShared, isRagged, fixedElements }: InputPlan): boolean =>
  isOptional || isShared || (fixedElements < 0 && !isRagged);

function indexOf(specs: readonly TensorSpec[], name: string, model: string): number {
  const index = specs.findIndex((spec) => spec.name === name);
  if (index < 0)
    throw internal(`model '${model}': its configuration names tensor ${quoted(name)}, which its file lacks`);
  return index;
}

function planInput(
  input: InputConfig,
  index: number,
  position: number,
  spec: TensorSpec,
  isBatched: boolean,
): InputPlan {
  const isAnyShape = spec.shape === null && input.dims.length === 0 && !isBatched;
  return {
    name: input.name,
    index,
    position,
    datatype: input.datatype,
    elementBytes: datatypes[input.datatype].byteSize,
    dims: input.dims,
    isAnyShape,
    fixedElements: isAnyShape || input.dims.includes(-1) ? -1 : (elementCount(input.dims) ?? -1),
    modelDims:
      input.reshape ??
      (spec.shape?.length === 0 && (isBatched || isScalarShownAsOne(input.dims, spec, isBatched)) ? [] : null),
    isOptional: input.isOptional,
    isRagged: input.allowRaggedBatch && isBatched,
    isShared: isBatched && spec.shape !== null && spec.shape.length === 0,
  };
}

/** A rank-0 tensor of a model that does not batch is configured as `[1]`. */
export function isScalarShownAsOne(dims: Shape, spec: TensorSpec, isBatched: boolean): boolean {
  return !isBatched && spec.shape !== null && spec.shape.length === 0 && dims.length === 1 && dims[0] === 1;
}
