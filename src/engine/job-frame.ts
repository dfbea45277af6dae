/**
 * A frame: the memory through which one batch crosses into the addon and back without an object per tensor. The layout
 * of its numbers is that of `native/binding/job_frame.h`.
 */

import type { TensorSpec } from '../model-config/signature.ts';
import { datatypes } from '../tensor/datatype.ts';
import { hostBytes, type TensorBytes } from '../tensor/tensor-bytes.ts';
import type { EngineBatch } from './engine.ts';

/**
 * Request: input count, output count, growth, ticket, flags. Reply: code, input ns, infer ns, output ns, slab id,
 * ticket.
 */
const requestHead = 5;
const flags = { hasEffects: 1, returnsMemory: 2 };
/** Per input: index, offset, bytes, part count, rank; then its dimensions. */
const inputHead = 5;
export const replyHead = 6;
/** In place of a slab's id: the outputs are in the target of their batch. */
export const inTarget = -2;
/** Per output: offset, bytes, rank; then its dimensions. */
export const outputHead = 3;

/** Dimensions for which there is room when the rank is unknown. */
const roomyRank = 32;

/**
 * Inputs up to these sizes are copied into the frame by JavaScript; larger ones are gathered by the addon, on the
 * instance's thread. To pass the address of a part to the addon costs about as much as copying two or three kilobytes;
 * a single large part is bound in place and not gathered. Measured: docs/decisions/0004-inline-execution.md.
 */
const copiedPartBytes = 8192;
const copiedPartsBytes = 32_768;
/** Tensors begin at multiples of this. */
const alignment = 64;

/** Numbers that a frame needs for a model with tensors of these ranks; null is an unknown rank. */
export function controlNumbers(ranks: readonly (number | null)[]): number {
  let numbers = Math.max(requestHead, replyHead);
  for (const rank of ranks) numbers += inputHead + (rank === null ? roomyRank : Math.max(rank, 8));
  return numbers;
}

/** More than a frame has for inputs. */
const unboundedRoom = 2 ** 31 - 1;

/** Room that the inputs of the largest batch need, aligned, in bytes; `unboundedRoom` where it cannot be known. */
export function inputRoom(inputs: readonly TensorSpec[], maxRows: number): number {
  let bytes = 0;
  for (const { datatype, shape } of inputs) {
    const { byteSize } = datatypes[datatype];
    if (shape === null || byteSize === 0) return unboundedRoom;
    let size = byteSize;
    for (const [axis, dim] of shape.entries()) {
      if (axis === 0 && maxRows > 0) size *= maxRows;
      else if (dim < 0) return unboundedRoom;
      else size *= dim;
    }
    bytes += Math.ceil(size / alignment) * alignment;
  }
  return Math.min(bytes, unboundedRoom);
}

export interface JobFrame {
  readonly id: number;
  readonly control: Float64Array;
  /** Room for small inputs; aligned. */
  readonly input: Uint8Array;
}

/** The result of writing a request. */
interface WrittenRequest {
  /** Bytes of all inputs. */
  bytes: number;
  /** The parts that the addon gathers itself; null when there are none. Reused: read it before the next write. */
  parts: Uint8Array[] | null;
}

/** Reused for every request, so that none makes an object. */
const written: WrittenRequest = { bytes: 0, parts: null };

/**
 * Writes a batch with its ticket into the frame and copies its small inputs. `nativeInputs` gives the addon's index of
 * each input of the signature. Null when the frame has too few numbers for the shapes.
 */
export function writeRequest(
  frame: JobFrame,
  batch: EngineBatch,
  ticket: number,
  maxRows: number,
  nativeInputs: Int32Array,
): WrittenRequest | null {
  const { control, input: room } = frame;
  const { inputs, outputs } = batch;
  control[0] = inputs.length;
  control[1] = outputs.length;
  control[2] = growthOf(batch, maxRows);
  control[3] = ticket;
  control[4] = (batch.hasEffects ? flags.hasEffects : 0) | (batch.returnsMemory ? flags.returnsMemory : 0);
  written.bytes = 0;
  written.parts = null;
  let at = requestHead;
  let filled = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as (typeof inputs)[number];
    const { shape, parts } = input;
    let bytes = 0;
    for (let p = 0; p < parts.length; p++) bytes += (parts[p] as TensorBytes).length;
    written.bytes += bytes;
    if (at + inputHead + shape.length > control.length) return null;
    control[at] = nativeInputs[input.index] ?? -1;
    if (bytes <= (parts.length === 1 ? copiedPartBytes : copiedPartsBytes) && filled + bytes <= room.length) {
      control[at + 1] = filled;
      control[at + 2] = bytes;
      control[at + 3] = 0;
      let to = filled;
      for (let p = 0; p < parts.length; p++) {
        const part = hostBytes(parts[p] as TensorBytes);
        room.set(part, to);
        to += part.length;
      }
      filled = (to + alignment - 1) & -alignment;
    } else {
      control[at + 1] = 0;
      control[at + 2] = 0;
      control[at + 3] = parts.length;
      if (written.parts === null) written.parts = [];
      for (let p = 0; p < parts.length; p++) written.parts.push(hostBytes(parts[p] as TensorBytes));
    }
    control[at + 4] = shape.length;
    at += inputHead;
    for (let d = 0; d < shape.length; d++) control[at++] = shape[d] as number;
  }
  if (at + outputs.length > control.length) return null;
  for (let i = 0; i < outputs.length; i++) control[at++] = outputs[i] as number;
  return written;
}

/** How many times larger the largest batch is: new slabs are made for the largest. */
function growthOf(batch: EngineBatch, maxRows: number): number {
  const rows = batch.inputs.length === 0 ? 0 : (batch.inputs[0]?.shape[0] ?? 0);
  return rows > 0 && rows < maxRows ? Math.ceil(maxRows / rows) : 1;
}
