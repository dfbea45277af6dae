/** A named tensor as it travels: plain data, little-endian, row-major. */

import type { Datatype } from './datatype.ts';
import type { Shape } from './shape.ts';
import type { TensorBytes } from './tensor-bytes.ts';

/**
 * `data` has an owner that is written down where it is made: a received message for request tensors, a slab or a page for
 * response tensors. Nobody mutates it. BYTES tensors hold their elements back to back, each a 4-byte little-endian
 * length and that many bytes (`bytes-elements.ts`).
 */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: Shape;
  readonly data: TensorBytes;
}
