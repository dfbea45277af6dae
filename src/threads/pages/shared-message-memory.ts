/**
 * Messages received by a frontend thread are put where the scheduling thread can read them: large blocks are in pages of
 * the link's arena, and their tensors are never copied on their way to the batch. Small blocks are in ordinary memory,
 * because a slow client with a few bytes would hold a page that many messages share, and so are messages that are larger
 * than any block; their tensors are copied into a page with their request.
 */

import {
  growByCopy,
  type LargeBlocks,
  maxPooledBytes,
  type MessageMemory,
  MessagePool,
} from '../../frontends/message-pool.ts';
import type { Clock } from '../../time.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { PageArena } from './page-arena.ts';

/** A size of blocks of `MessagePool`. */
const largestSmallBytes = 48 * 1024;

export class SharedMessageMemory implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #arena: PageArena;
  /** For small blocks, and for those that are larger than any page. */
  readonly #own: MessagePool;

  /** @param budget of this thread. @param clock see `MessagePool`. @param large likewise. */
  constructor(arena: PageArena, budget: MemoryBudget, clock: Clock | null = null, large: LargeBlocks | null = null) {
    this.budget = budget;
    this.#arena = arena;
    this.#own = new MessagePool(clock, budget, large);
  }

  take(bytes: number): Buffer {
    return isInPage(bytes) ? this.#arena.take(bytes) : this.#own.take(bytes);
  }

  grow(block: Buffer, bytes: number, filled: number): Buffer {
    if (!isInPage(block.length) && !isInPage(bytes)) return this.#own.grow(block, bytes, filled);
    return growByCopy(this, block, bytes, filled);
  }

  reuse(bytes: number): Buffer | null {
    return bytes <= largestSmallBytes ? this.#own.reuse(bytes) : null;
  }

  giveBack(block: Buffer): void {
    if (isInPage(block.length)) this.#arena.giveBack(block);
    else this.#own.giveBack(block);
  }
}

const isInPage = (bytes: number): boolean => bytes > largestSmallBytes && bytes <= maxPooledBytes;
