/**
 * Blocks of memory that wait for their next use, by size. Their total is bounded, and blocks that were not needed for a
 * while are freed.
 */

import type { Clock } from '../time.ts';

/** The shortest time before an unused block is freed. */
const trimMs = 5000;

/** Four sizes for each power of two, so that a block is at most a quarter larger than what is put into it. */
const sizesPerDouble = 4;

/** The size of the block for that many bytes, of which there are at least 8. */
export function blockSize(bytes: number): number {
  const step = 2 ** (31 - Math.clz32(bytes - 1)) / sizesPerDouble;
  return Math.ceil(bytes / step) * step;
}

/** Blocks of one size. */
class Shelf<Block> {
  readonly bytes: number;
  readonly blocks: Block[] = [];
  /** The fewest blocks that were here since the last trim: so many were not needed. */
  fewest = 0;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

export class IdleBlocks<Block> {
  /** By the exponent of the size and its first digits. */
  readonly #shelves: (Shelf<Block> | undefined)[] = [];
  readonly #maxBytes: number;
  #idleBytes = 0;

  /** @param maxBytes of all idle blocks together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The block that came back last of those of exactly that size, a result of `blockSize`; or undefined. */
  take(bytes: number): Block | undefined {
    const shelf = this.#shelves[shelfOf(bytes)];
    const block = shelf?.blocks.pop();
    if (shelf === undefined || block === undefined) return undefined;
    this.#idleBytes -= bytes;
    if (shelf.blocks.length < shelf.fewest) shelf.fewest = shelf.blocks.length;
    return block;
  }

  /** Keeps the block, unless the idle blocks would be more than the bound. */
  keep(block: Block, bytes: number): void {
    if (this.#idleBytes + bytes > this.#maxBytes) return;
    this.#idleBytes += bytes;
    const at = shelfOf(bytes);
    let shelf = this.#shelves[at];
    if (shelf === undefined) {
      // No holes: they would make the list a slow one.
      while (this.#shelves.length < at) this.#shelves.push(undefined);
      shelf = new Shelf(bytes);
      this.#shelves[at] = shelf;
    }
    shelf.blocks.push(block);
  }

  /** Called regularly: drops the blocks that were not needed since the last call. Returns whether any is left. */
  trim(): boolean {
    for (const shelf of this.#shelves) {
      if (shelf === undefined) continue;
      this.#idleBytes -= shelf.bytes * shelf.fewest;
      shelf.blocks.splice(0, shelf.fewest);
      shelf.fewest = shelf.blocks.length;
    }
    return this.#idleBytes > 0;
  }
}

/** @param bytes a result of `blockSize`. */
function shelfOf(bytes: number): number {
  const exponent = 31 - Math.clz32(bytes);
  return exponent * sizesPerDouble + ((bytes >>> (exponent - 2)) & (sizesPerDouble - 1));
}

/** Trims regularly while there are blocks, and has no timer otherwise. */
export class TrimTimer {
  readonly #clock: Clock;
  readonly #trim: () => boolean;
  #isRunning = false;

  constructor(clock: Clock, trim: () => boolean) {
    this.#clock = clock;
    this.#trim = trim;
  }

  /** Starts the timer unless it runs; called when memory is taken. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#clock.schedule(this.#clock.now() + trimMs, () => {
      this.#isRunning = false;
      if (this.#trim()) this.start();
    });
  }
}
