/** Joins the runtime's description of a model with facts that only the file has, and gives the model's signature. */

import { internal } from '../errors.ts';
import type { ModelSignature, TensorSpec } from '../model-config/signature.ts';
import { quoted } from '../shown-text.ts';
import { datatypeOfOnnxCode } from '../tensor/datatype.ts';
import type { OpenableModel } from './openable-model.ts';
import type { NativeSignature, NativeTensorSpec } from './native.ts';
import type { DeclaredValue } from './onnx-file/declared-value.ts';
import { sharedScaleOperator } from './shared-scale.ts';

interface JoinedSignature {
  readonly signature: ModelSignature;
  /**
   * The addon's index of each input: it lists those with an initialiser last, the signature keeps the graph's order.
   */
  readonly nativeInputs: Int32Array;
}

/** Throws `internal` when the runtime names a datatype that the addon should have refused. */
export function joinSignature(native: NativeSignature, source: OpenableModel): JoinedSignature {
  const { facts, labels } = source;
  const order = graphOrder(native.inputs, facts?.inputs ?? []);
  const signature: ModelSignature = {
    inputs: order.map((index) => tensorSpec(native.inputs[index] as NativeTensorSpec, facts?.inputs ?? [], [])),
    outputs: native.outputs.map((output) => tensorSpec(output, facts?.outputs ?? [], labels.get(output.name) ?? [])),
    irVersion: facts?.irVersion ?? 0,
    opsets: facts?.opsets ?? new Map(),
    producer: facts?.producer ?? native.producer,
    graphName: native.graphName,
    description: native.description,
    modelVersion: native.modelVersion,
    metadata: new Map(native.metadata),
    sharedScale: sharedScaleOperator(facts?.operators ?? new Set()),
  };
  return { signature, nativeInputs: Int32Array.from(order) };
}

/**
 * Indexes of the runtime's inputs in the order in which the file lists them; unlisted ones keep their order at the end.
 */
function graphOrder(inputs: readonly NativeTensorSpec[], declared: readonly DeclaredValue[]): number[] {
  const positions = new Map(declared.map(({ name }, position) => [name, position]));
  const positionOf = (index: number): number =>
    positions.get((inputs[index] as NativeTensorSpec).name) ?? declared.length + index;
  return inputs.map((_, index) => index).sort((a, b) => positionOf(a) - positionOf(b));
}

function tensorSpec(
  native: NativeTensorSpec,
  declared: readonly DeclaredValue[],
  labels: readonly string[],
): TensorSpec {
  const { name, onnxCode, shape, dimNames, isOptional } = native;
  const datatype = datatypeOfOnnxCode(onnxCode);
  if (datatype === null) throw internal(`tensor ${quoted(name)} has the unknown element type ${onnxCode}`);
  const written = declared.find((value) => value.name === name)?.dims;
  // The runtime reports the same empty list for a scalar, for a tensor of unknown rank, and for one whose operators do
  // not make the declared shape.
  if (shape.length > 0 || written === undefined) return { name, datatype, shape, dimNames, isOptional, labels };
  if (written === null) return { name, datatype, shape: null, dimNames, isOptional, labels };
  return {
    name,
    datatype,
    shape: written.map((dim) => (typeof dim === 'number' ? dim : -1)),
    dimNames: written.map((dim) => (typeof dim === 'number' ? '' : dim)),
    isOptional,
    labels,
    ...(written.length > 0 && { isShapeDisputed: true }),
  };
}
