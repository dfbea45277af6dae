/** The declarations of a model file, as the engine reads them. */

import type { Datatype } from '../tensor/datatype.ts';
import type { Shape } from '../tensor/shape.ts';

export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Full shape, batch dimension included; -1 where the model leaves the extent open. Null: the rank is unknown. */
  readonly shape: Shape | null;
  /**
   * The runtime found that the operators do not make the declared `shape`, and does not know the true one, so no check
   * may use it. Absent is false.
   */
  readonly isShapeDisputed?: boolean;
  /** Names of symbolic dimensions, '' where a dimension has none; same length as `shape`. */
  readonly dimNames: readonly string[];
  /** Inputs only: the model has an initialiser of that name, so the input may be left out. */
  readonly isOptional: boolean;
  /** Outputs only: class labels found in the model (ZipMap); empty otherwise. */
  readonly labels: readonly string[];
}

const indices = new WeakMap<readonly TensorSpec[], ReadonlyMap<string, TensorSpec>>();

/** The first tensor of that name on one side of a signature, found by an index that is made once. */
export function tensorNamed(side: readonly TensorSpec[], name: string): TensorSpec | undefined {
  let index = indices.get(side);
  if (index === undefined) {
    index = new Map(side.toReversed().map((spec) => [spec.name, spec]));
    indices.set(side, index);
  }
  return index.get(name);
}

export interface ModelSignature {
  /** In the order of the graph. The index in these lists identifies a tensor for the engine. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly irVersion: number;
  /** Operator set per domain; '' is the ONNX domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly graphName: string;
  readonly description: string;
  readonly modelVersion: number;
  /** metadata_props of the model. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * An operator that quantizes with a scale taken from all rows of a batch, so that a request's answer depends on the
   * others in its batch; absent for none.
   */
  readonly sharedScale?: string | undefined;
}
