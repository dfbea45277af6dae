/**
 * Memory of messages, and the budget that bounds it. Blocks are used again, for two reasons: fresh memory costs the
 * kernel more than the copy into it, because it clears each page on first touch; and buffers outside of V8's heap make
 * V8 collect the whole heap, again and again. A block is taken for a message and returned when it is no longer
 * read: a request when it has ended, because until then an instance may read it, and an answer when the socket has taken
 * it.
 */

import { MemoryBudget } from '../inference/memory-budget.ts';
import type { Clock } from '../time.ts';
import { blockSize, IdleBlocks, TrimTimer } from './idle-blocks.ts';

/** The smallest block; a message has some hundred bytes with its names. */
const smallestBlockBytes = 256;

/** The largest block. Larger messages are rare, and an announcement alone must not take more. */
export const maxPooledBytes: number = 64 * 1024 * 1024;

/** The most bytes of all idle blocks together, and their share of the budget. */
const maxIdleBytes = 128 * 1024 * 1024;
const idleShare = 1 / 8;

/**
 * Makes the blocks of messages that are larger than `maxPooledBytes`. The collector would keep them long after they
 * were given back, and growing one would need the memory of both.
 */
export interface LargeBlocks {
  allocateBlock(bytes: number): ArrayBuffer;
  /** `block` becomes empty. */
  growBlock(block: ArrayBuffer, bytes: number): ArrayBuffer;
  /** `block` becomes empty. */
  freeBlock(block: ArrayBuffer): void;
}

/**
 * The memory in which a frontend puts all messages that it receives. Another implementation puts them elsewhere, such
 * as in shared pages.
 */
export interface MessageMemory {
  /**
   * The account of this memory. The receiver of a message reserves its bytes before it keeps them, and releases them
   * when the message is no longer held; `take` counts nothing.
   */
  readonly budget: MemoryBudget;
  /** At least that many bytes, not cleared: of more than `maxPooledBytes` exactly so many, which are not used again. */
  take(bytes: number): Buffer;
  /**
   * As `take`, with the first `filled` bytes of the block, which it takes back: it must not be used any more.
   *
   * @param bytes More than the block has.
   */
  grow(block: Buffer, bytes: number, filled: number): Buffer;
  /** As `take`, but only memory that is there already; else null. */
  reuse(bytes: number): Buffer | null;
  /** Takes back a result of `take` or `reuse`, once, when it is no longer read or written. */
  giveBack(block: Buffer): void;
}

/** Grows a block by a copy, as memory does that cannot enlarge it where it is. */
export function growByCopy(memory: MessageMemory, block: Buffer, bytes: number, filled: number): Buffer {
  const grown = memory.take(bytes);
  block.copy(grown, 0, 0, filled);
  memory.giveBack(block);
  return grown;
}

/** Memory of the garbage collector: for messages that are rare, or without a known last reader. */
export class CollectedMemory implements MessageMemory {
  readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.budget = budget;
  }

  take(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }

  grow(block: Buffer, bytes: number, filled: number): Buffer {
    return growByCopy(this, block, bytes, filled);
  }

  reuse(): null {
    return null;
  }

  giveBack(): void {
    // The garbage collector frees it.
  }
}

export class MessagePool implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #idle: IdleBlocks<Buffer>;
  readonly #timer: TrimTimer | null;
  readonly #large: LargeBlocks | null;

  /**
   * @param clock  by which it trims itself; null: the owner calls `trim`.
   * @param budget absent means that nothing is bounded.
   * @param large  null: larger messages are in memory of the collector.
   */
  constructor(
    clock: Clock | null = null,
    budget = new MemoryBudget(Number.MAX_SAFE_INTEGER),
    large: LargeBlocks | null = null,
  ) {
    this.budget = budget;
    this.#large = large;
    this.#idle = new IdleBlocks(Math.min(maxIdleBytes, budget.limitBytes * idleShare));
    this.#timer = clock === null ? null : new TrimTimer(clock, () => this.trim());
  }

  take(bytes: number): Buffer {
    if (bytes > maxPooledBytes) return this.#takeLarge(bytes);
    return this.reuse(bytes) ?? Buffer.allocUnsafeSlow(sizeFor(bytes));
  }

  #takeLarge(bytes: number): Buffer {
    return this.#large === null ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(this.#large.allocateBlock(bytes));
  }

  grow(block: Buffer, bytes: number, filled: number): Buffer {
    if (this.#large !== null && block.length > maxPooledBytes) {
      return Buffer.from(this.#large.growBlock(block.buffer as ArrayBuffer, bytes));
    }
    return growByCopy(this, block, bytes, filled);
  }

  reuse(bytes: number): Buffer | null {
    return bytes > maxPooledBytes ? null : (this.#idle.take(sizeFor(bytes)) ?? null);
  }

  giveBack(block: Buffer): void {
    if (block.length > maxPooledBytes) {
      this.#large?.freeBlock(block.buffer as ArrayBuffer);
      return;
    }
    this.#timer?.start();
    this.#idle.keep(block, block.length);
  }

  /** Called regularly: drops blocks that were not needed since the last call. Returns whether any is left. */
  trim(): boolean {
    return this.#idle.trim();
  }
}

const sizeFor = (bytes: number): number => (bytes <= smallestBlockBytes ? smallestBlockBytes : blockSize(bytes));
