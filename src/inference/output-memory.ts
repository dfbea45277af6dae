/**
 * Where the outputs of a request go. Without an `OutputMemory` they come in memory of the engine, from which the
 * answer is written. A caller that needs them in memory of its own offers some, and the engine writes there if
 * it can (docs/decisions/0022-a-tensor-has-a-place.md).
 */

import type { RegionBytes } from '../tensor/tensor-bytes.ts';

export interface OutputMemory {
  /**
   * Memory for outputs of that many bytes together, with any contents. The taker releases it once, when the outputs
   * are not there or are not read any more. Null where there is none to be had: then the outputs come in memory
   * of the engine, and the caller decides whether it takes them.
   */
  take(bytes: number): RegionBytes | null;
  release(memory: RegionBytes): void;
}
