/**
 * Memory of request messages, and the budget that bounds it. Large blocks are used again, because fresh memory costs
 * the kernel more than the copy into it: it clears each page on first touch. A block is taken for a message and
 * returned when its request has ended; until then an instance may read it.
 */

import { MemoryBudget } from '../inference/memory-budget.ts';
import type { Clock } from '../time.ts';
import { IdleBlocks, TrimTimer } from './idle-blocks.ts';

/** Blocks are powers of two between these; smaller messages are cheap to allocate, larger ones are rare. */
const smallestBits = 16;
const largestBits = 23;

export const maxPooledBytes: number = 2 ** largestBits;

/**
 * The memory in which a frontend puts all messages that it receives. Another implementation puts them elsewhere, such
 * as in shared pages.
 */
export interface MessageMemory {
  /**
   * The account of this memory. The receiver of a message reserves its bytes before it keeps them, and releases them
   * when the message is no longer held; `take` and `allocate` count nothing.
   */
  readonly budget: MemoryBudget;
  /** A block of at least that many bytes, not cleared. `bytes` is at most `maxPooledBytes`. */
  take(bytes: number): Buffer;
  /** Only a block of `take` that is no longer read or written. */
  giveBack(block: Buffer): void;
  /** Exactly so many bytes, not cleared, that are never returned: for messages smaller or larger than a block. */
  allocate(bytes: number): Buffer;
}

/** Memory of the garbage collector: for messages that are rare, or without a known last reader. */
export class CollectedMemory implements MessageMemory {
  readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.budget = budget;
  }

  take(bytes: number): Buffer {
    return this.allocate(bytes);
  }

  giveBack(): void {
    // The garbage collector frees it.
  }

  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }
}

export class MessagePool implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #idle = new IdleBlocks<Buffer>();
  readonly #timer: TrimTimer | null;

  /**
   * @param clock  by which it trims itself; null: the owner calls `trim`.
   * @param budget absent means that nothing is bounded.
   */
  constructor(clock: Clock | null = null, budget = new MemoryBudget(Number.MAX_SAFE_INTEGER)) {
    this.budget = budget;
    this.#timer = clock === null ? null : new TrimTimer(clock, () => this.trim());
  }

  take(bytes: number): Buffer {
    this.#timer?.start();
    const size = 2 ** Math.max(smallestBits, 32 - Math.clz32(bytes - 1));
    return this.#idle.take(size) ?? Buffer.allocUnsafeSlow(size);
  }

  giveBack(block: Buffer): void {
    this.#idle.keep(block, block.length);
  }

  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }

  /** Called regularly: drops blocks that were not needed since the last call. Returns whether any is left. */
  trim(): boolean {
    return this.#idle.trim();
  }
}
