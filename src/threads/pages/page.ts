/** A page of memory that two threads share: one of them writes it, both read it. */

import type { Region } from '../../tensor/tensor-bytes.ts';

/** Makes the view through which this thread reads and writes shared memory. */
export type OpenMemory = (memory: SharedArrayBuffer) => ArrayBufferLike;

export const asItIs: OpenMemory = (memory) => memory;

export class Page implements Region {
  readonly id: number;
  /** The page for the other thread. */
  readonly shared: SharedArrayBuffer;
  /** The page as this thread reads and writes it. */
  readonly memory: ArrayBufferLike;
  readonly byteLength: number;
  /** The whole page as numbers, of which records consist. */
  readonly numbers: Float64Array;
  readonly bytes: Buffer;
  /** For the arena only: the start of the free rest, and the number of open allocations. */
  filled = 0;
  liveCount = 0;
  /** How many bytes, from the front, were used since the memory was last returned to the system. */
  touchedBytes = 0;

  constructor(id: number, shared: SharedArrayBuffer, memory: ArrayBufferLike) {
    this.id = id;
    this.shared = shared;
    this.memory = memory;
    this.byteLength = memory.byteLength;
    this.numbers = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
  }
}
