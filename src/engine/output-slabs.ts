/**
 * The output slabs of an instance in JavaScript: one ArrayBuffer per slab for as long as the slab exists, and the views
 * of the last batch, which the next batch of the same kind uses again. The pool itself is the addon's.
 */

import type { Datatype } from '../tensor/datatype.ts';
import { RegionBytes, type TensorBytes } from '../tensor/tensor-bytes.ts';
import type { EngineOutput } from './engine.ts';
import { outputHead, replyHead } from './job-frame.ts';
import type { NativeAddon } from './native.ts';

interface PlacedOutput<Bytes extends TensorBytes> extends EngineOutput {
  readonly data: Bytes;
  /** Where `data` lies in its memory, as the addon says it: to ask a view is a call into the runtime. */
  readonly offset: number;
  readonly bytes: number;
}

interface Slab {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  inUse: boolean;
  /** The views of the last batch; those of a kind of batch are the same each time. */
  outputs: readonly PlacedOutput<Uint8Array>[];
}

/** Owner of the buffers. A slab in use when the instance closes is freed by its release. */
export class OutputSlabs {
  readonly #addon: NativeAddon;
  readonly #instanceId: number;
  readonly #datatypes: readonly Datatype[];
  readonly #slabs: (Slab | null)[] = [];
  #isClosed = false;

  /** @param datatypes of the signature's outputs, by index */
  constructor(addon: NativeAddon, instanceId: number, datatypes: readonly Datatype[]) {
    this.#addon = addon;
    this.#instanceId = instanceId;
    this.#datatypes = datatypes;
  }

  /** The outputs of a reply, as views on their slab, which is in use until `release(slabId)`. */
  read(control: Float64Array, slabId: number, wanted: readonly number[]): readonly EngineOutput[] {
    const slab = this.#slabs[slabId] ?? this.#open(slabId);
    slab.inUse = true;
    if (!isSame(control, slab.outputs, wanted)) {
      const { buffer } = slab;
      slab.outputs = this.#outputs(control, wanted, (offset, bytes) => new Uint8Array(buffer, offset, bytes));
    }
    return slab.outputs;
  }

  /** The outputs that a reply tells of, as parts of the target of their batch. */
  readTarget(control: Float64Array, target: RegionBytes, wanted: readonly number[]): readonly EngineOutput[] {
    const { region, offset: start } = target;
    return this.#outputs(control, wanted, (offset, bytes) => new RegionBytes(region, start + offset, bytes));
  }

  /** Returns a slab; from now on its views may show other bytes, or none. */
  release(slabId: number): void {
    const slab = this.#slabs[slabId] ?? null;
    if (slab === null || !slab.inUse) return;
    slab.inUse = false;
    if (this.#isClosed) this.#discard(slabId);
    else {
      const dropped = this.#addon.releaseSlab(this.#instanceId, slabId);
      if (dropped !== null) this.dropped(dropped);
    }
  }

  /** The pool has dropped these unused slabs. */
  dropped(slabIds: readonly number[]): void {
    for (const id of slabIds) this.#discard(id);
  }

  /** Frees unused slabs; the instance is closed. */
  close(): void {
    this.#isClosed = true;
    for (const slab of this.#slabs) if (slab !== null && slab !== undefined && !slab.inUse) this.#discard(slab.id);
  }

  #open(slabId: number): Slab {
    const slab = { id: slabId, buffer: this.#addon.slabBuffer(this.#instanceId, slabId), inUse: true, outputs: [] };
    // No holes: ids are small and used again.
    while (this.#slabs.length < slabId) this.#slabs.push(null);
    this.#slabs[slabId] = slab;
    return slab;
  }

  #discard(slabId: number): void {
    const slab = this.#slabs[slabId] ?? null;
    if (slab === null) return;
    this.#slabs[slabId] = null;
    this.#addon.discardBuffer(slab.buffer);
  }

  #outputs<Bytes extends TensorBytes>(
    control: Float64Array,
    wanted: readonly number[],
    bytesAt: (offset: number, bytes: number) => Bytes,
  ): PlacedOutput<Bytes>[] {
    const outputs = new Array<PlacedOutput<Bytes>>(wanted.length);
    let at = replyHead;
    for (let i = 0; i < outputs.length; i++) {
      const index = wanted[i] as number;
      const offset = control[at] as number;
      const bytes = control[at + 1] as number;
      const shape = new Array<number>(control[at + 2] as number);
      at += outputHead;
      for (let d = 0; d < shape.length; d++) shape[d] = control[at + d] as number;
      at += shape.length;
      const datatype = this.#datatypes[index] as Datatype;
      outputs[i] = { index, datatype, shape, data: bytesAt(offset, bytes), offset, bytes };
    }
    return outputs;
  }
}

function isSame(
  control: Float64Array,
  outputs: readonly PlacedOutput<Uint8Array>[],
  wanted: readonly number[],
): boolean {
  if (outputs.length !== wanted.length) return false;
  let at = replyHead;
  for (let i = 0; i < outputs.length; i++) {
    const { index, offset, bytes, shape } = outputs[i] as PlacedOutput<Uint8Array>;
    const rank = shape.length;
    if (index !== wanted[i] || offset !== control[at] || bytes !== control[at + 1]) return false;
    if (control[at + 2] !== rank) return false;
    at += outputHead;
    for (let d = 0; d < rank; d++) if (shape[d] !== control[at + d]) return false;
    at += rank;
  }
  return true;
}
