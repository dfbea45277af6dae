/** The answer to one request, and the ownership of its bytes. */

import type { Tensor } from '../tensor/tensor.ts';
import type { Parameters } from './request.ts';

/** `data` lies in a slab of the engine or in memory of the caller (`OutputMemory`), until the response is released. */
export interface OutputTensor extends Tensor {
  /** Class labels by index (label file, or a ZipMap's classes); empty when there are none. */
  readonly labels: readonly string[];
  /** Wanted number of classes, from the request; the frontend replaces such an output by its classification. */
  readonly classificationCount: number;
}

/**
 * Owner of the output bytes: the memory behind `outputs`, shared by all responses of a batch. The receiver of the response
 * calls `release()` exactly once, when the bytes have been written out or copied; the last release of a batch returns the
 * memory. A second call does nothing. Using `outputs[i].data` after it reads another batch's bytes.
 */
export interface InferenceResponse {
  readonly modelName: string;
  /** Always concrete. */
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters;
  /** Sorted by name, restricted to the requested ones. */
  readonly outputs: readonly OutputTensor[];
  /** Whether dimension 0 of the outputs is the batch dimension (the model has max_batch_size >= 1). */
  readonly isBatched: boolean;
  /**
   * Whether other responses have their bytes in the same memory. Who holds such a response while a client takes its time
   * holds more than its outputs, so it is copied instead.
   */
  readonly isShared?: boolean | undefined;
  release(): void;
}
