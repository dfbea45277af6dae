/**
 * Blocks of memory that wait for their next use, by size, which is a power of two. Their total is bounded, and blocks
 * that were not needed for a while are freed.
 */

import type { Clock } from '../time.ts';

/** The most bytes of all idle blocks together. */
const maxIdleBytes = 32 * 1024 * 1024;

/** The shortest time before an unused block is freed. */
const trimMs = 5000;

export class IdleBlocks<Block> {
  readonly #bySize: Block[][] = [];
  #idleBytes = 0;
  #wasUsed = false;

  /** A block of exactly that size, or undefined. */
  take(bytes: number): Block | undefined {
    this.#wasUsed = true;
    const block = this.#bySize[bitsOf(bytes)]?.pop();
    if (block !== undefined) this.#idleBytes -= bytes;
    return block;
  }

  /** Keeps the block, unless the idle blocks have reached `maxIdleBytes`. */
  keep(block: Block, bytes: number): void {
    if (this.#idleBytes + bytes > maxIdleBytes) return;
    this.#idleBytes += bytes;
    const bits = bitsOf(bytes);
    const blocks = this.#bySize[bits];
    if (blocks === undefined) this.#bySize[bits] = [block];
    else blocks.push(block);
  }

  /** Called regularly: without a `take` since the last call all blocks are dropped. Returns whether any is left. */
  trim(): boolean {
    if (!this.#wasUsed) {
      this.#bySize.length = 0;
      this.#idleBytes = 0;
    }
    this.#wasUsed = false;
    return this.#idleBytes > 0;
  }
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

/** The exponent of a power of two. */
const bitsOf = (bytes: number): number => 31 - Math.clz32(bytes);
