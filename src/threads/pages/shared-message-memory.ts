/**
 * Messages received by a frontend thread are put where the scheduling thread can read them: large blocks are in pages of
 * the link's arena, and their tensors are never copied on their way to the batch. Small blocks are in ordinary memory,
 * because a slow client with a few bytes would hold a page that many messages share, and so are messages that are larger
 * than any block; their tensors are copied into a page with their request.
 */

import { maxPooledBytes, type MessageMemory, MessagePool } from '../../frontends/message-pool.ts';
import type { Clock } from '../../time.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { PageArena } from './page-arena.ts';

/** A size of blocks of `MessagePool`. */
const largestSmallBytes = 48 * 1024;

export class SharedMessageMemory implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #arena: PageArena;
  readonly #small: MessagePool;

  /** @param budget of this thread. @param clock see `MessagePool`. */
  constructor(arena: PageArena, budget: MemoryBudget, clock: Clock | null = null) {
    this.budget = budget;
    this.#arena = arena;
    this.#small = new MessagePool(clock, budget);
  }

  take(bytes: number): Buffer {
    if (bytes <= largestSmallBytes) return this.#small.take(bytes);
    return bytes <= maxPooledBytes ? this.#arena.take(bytes) : Buffer.allocUnsafeSlow(bytes);
  }

  reuse(bytes: number): Buffer | null {
    return bytes <= largestSmallBytes ? this.#small.reuse(bytes) : null;
  }

  giveBack(block: Buffer): void {
    if (block.length <= largestSmallBytes) this.#small.giveBack(block);
    else this.#arena.giveBack(block);
  }
}
