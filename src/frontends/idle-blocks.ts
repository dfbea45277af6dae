/**
 * Blocks of memory that wait for their next use, by size, which is a power of two. Their total is bounded, and blocks
 * that were not needed for a while are freed.
 */

import type { Clock } from '../time.ts';

/** Of all idle blocks together. */
const maxIdleBytes = 32 * 1024 * 1024;

/** How long blocks wait for their next use, at least. */
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

  /** Lets the block go when enough are waiting. */
  keep(block: Block, bytes: number): void {
    if (this.#idleBytes + bytes > maxIdleBytes) return;
    this.#idleBytes += bytes;
    const bits = bitsOf(bytes);
    const blocks = this.#bySize[bits];
    if (blocks === undefined) this.#bySize[bits] = [block];
    else blocks.push(block);
  }

  /** Called now and then: without a `take` since the last time all are let go. Returns whether any is left. */
  trim(): boolean {
    if (!this.#wasUsed) {
      this.#bySize.length = 0;
      this.#idleBytes = 0;
    }
    this.#wasUsed = false;
    return this.#idleBytes > 0;
  }
}

/** Trims while there is something to trim, and has no timer else. */
export class TrimTimer {
  readonly #clock: Clock;
  readonly #trim: () => boolean;
  #isRunning = false;

  constructor(clock: Clock, trim: () => boolean) {
    this.#clock = clock;
    this.#trim = trim;
  }

  /** Memory is in use, so there will be some to trim. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#clock.schedule(this.#clock.now() + trimMs, () => {
      this.#isRunning = false;
      if (this.#trim()) this.start();
    });
  }
}

/** Of a power of two. */
const bitsOf = (bytes: number): number => 31 - Math.clz32(bytes);
