/** Inputs and outputs as a graph declares them: name, kind, element type, and dimensions with their symbols. */

import { dimensionFields, shapeFields, tensorTypeFields, typeFields, valueInfoFields } from './onnx-schema.ts';
import type { WireMessage } from './wire-message.ts';

/** The kind of a declared value; a number is the element code of a tensor (TensorProto.DataType, 0 when not given). */
type DeclaredElement = number | 'sequence' | 'map' | 'optional' | 'sparse' | 'opaque' | 'undeclared';

export interface DeclaredValue {
  readonly name: string;
  readonly element: DeclaredElement;
  /**
   * Tensors only: one entry per dimension, a number where fixed, the symbol's name where it has one, '' where it is
   * open and unnamed. Empty for a scalar. Null when the file declares no shape, so that the rank is unknown.
   */
  readonly dims: readonly (number | string)[] | null;
}

/** Reads a ValueInfoProto. Of several kinds of type the last one counts, as in protobuf. */
export function declaredValue(message: WireMessage): DeclaredValue {
  const name = message.text(valueInfoFields.name);
  const declared = message.child(valueInfoFields.type);
  const kind = declared?.present.at(-1);
  if (declared === null || kind === undefined) return { name, element: 'undeclared', dims: null };
  if (kind !== typeFields.tensor) return { name, element: kindNames.get(kind) ?? 'opaque', dims: null };
  const of = declared.child(typeFields.tensor);
  const dims = of?.child(tensorTypeFields.shape)?.children(shapeFields.dimensions).map(declaredDim) ?? null;
  return { name, element: of?.integer(tensorTypeFields.elementType) ?? 0, dims };
}

const kindNames: ReadonlyMap<number, DeclaredElement> = new Map([
  [typeFields.sequence, 'sequence'],
  [typeFields.map, 'map'],
  [typeFields.opaque, 'opaque'],
  [typeFields.sparseTensor, 'sparse'],
  [typeFields.optional, 'optional'],
]);

/** A negative extent means the same as none: exporters write -1 for an open extent. */
function declaredDim(dim: WireMessage): number | string {
  if (dim.present.at(-1) !== dimensionFields.value) return dim.text(dimensionFields.parameter);
  const extent = dim.integer(dimensionFields.value) ?? -1;
  return extent < 0 ? '' : extent;
}
