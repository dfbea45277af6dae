/** A request as a scheduler gets it: checked against its model by `admission.ts`. */

import type { Shape } from '../../tensor/shape.ts';
import type { TensorBytes } from '../../tensor/tensor-bytes.ts';

/** One input of an admitted request, as the model wants it. */
export interface AdmittedInput {
  /** Index in the signature's inputs. */
  readonly index: number;
  /** Full shape as the model sees it: reshape applied, batch dimension included. */
  readonly shape: Shape;
  readonly data: TensorBytes;
}

export interface AdmittedOutput {
  /** Index in the signature's outputs. */
  readonly index: number;
  readonly name: string;
  readonly classificationCount: number;
}

/** A request that fits its model. All checks have passed, so an error of the engine is a fault of the model. */
export interface AdmittedRequest {
  readonly id: string;
  /** Ascending by index; optional inputs that were left out are absent. */
  readonly inputs: readonly AdmittedInput[];
  /** Sorted by name; never empty unless the model has no outputs. */
  readonly outputs: readonly AdmittedOutput[];
  /** Rows that it adds to a batch: the extent of dimension 0 of a batching model, at least 1; 1 for other models. */
  readonly rows: number;
  /** Requests with equal keys may share a batch; '' where every request may. */
  readonly batchKey: string;
  readonly priority: number;
  readonly timeoutUs: number;
}
