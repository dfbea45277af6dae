/**
 * A model's configuration and signature in the form that admission needs, compiled once when a version is loaded, so
 * that `admit` only compares numbers. It never changes.
 */

import { internal } from '../../errors.ts';
import type { InputConfig, ModelConfig } from '../../model-config/model-config.ts';
import type { ModelSignature, TensorSpec } from '../../model-config/signature.ts';
import { datatypes } from '../../tensor/datatype.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import type { AdmissionPlan, InputPlan } from './admission.ts';

/**
 * A default batch size must not make the server refuse the first real request of a user: with up to these bytes of
 * inputs, a request of more rows runs as a batch of its own. A bound on bytes, because the cost of a row is in
 * proportion to its size.
 */
export const oversizeBytes = 1 << 20;

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
  if (index < 0) throw internal(`model '${model}': its configuration names tensor '${name}', which its file lacks`);
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
