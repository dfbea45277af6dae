/**
 * Translates shapes between what a caller sends or sees (`dims`) and what the model file works with (`reshape`), both
 * without the batch dimension. The bytes are the same either way.
 */

import { elementCount, type Shape } from '../../tensor/shape.ts';

/**
 * The shape under pattern `to` of a tensor whose shape fits pattern `from`: the extents at the -1 of `from` move, in
 * order, to the -1 of `to`. That the products agree was checked when the configuration was read.
 *
 * @param start where in `shape` the pattern begins: 1 behind a batch dimension, which is copied, else 0
 * @returns null when `shape` does not fit `from`
 */
export function reshaped(shape: Shape, start: 0 | 1, from: Shape, to: Shape): Shape | null {
  if (shape.length !== from.length + start) return null;
  const open: number[] = [];
  for (let i = 0; i < from.length; i++) {
    const extent = shape[i + start] as number;
    if (from[i] === -1) open.push(extent);
    else if (from[i] !== extent) return null;
  }
  const result: number[] = start === 1 ? [shape[0] as number] : [];
  let taken = 0;
  for (const dim of to) result.push(dim === -1 ? (open[taken++] ?? 1) : dim);
  return result;
}

/**
 * How an output is shown to callers: under pattern `to` where it fits pattern `from`; where the model made a shape that
 * it does not declare, rows and `to` if they hold as many elements; else the shape as it was made. Nothing is
 * refused here, because the runtime does not hold a model to the shapes that it declares either.
 */
export function shownShape(shape: Shape, start: 0 | 1, from: Shape, to: Shape): Shape {
  const fitting = reshaped(shape, start, from, to);
  if (fitting !== null) return fitting;
  const shown = start === 0 ? to : [shape[0] ?? 0, ...to];
  return !to.includes(-1) && elementCount(shown) === elementCount(shape) ? shown : shape;
}
