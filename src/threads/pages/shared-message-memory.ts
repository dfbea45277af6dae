/**
 * Messages received by a frontend thread are put where the scheduling thread can read them: blocks are in pages of the
 * link's arena, and their tensors are never copied on their way to the batch. Memory that is never released explicitly
 * is ordinary memory of the garbage collector; its tensors are copied into a page with their request.
 */

import type { MessageMemory } from '../../frontends/message-pool.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { PageArena } from './page-arena.ts';

export class SharedMessageMemory implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #arena: PageArena;

  /** @param budget of this thread. */
  constructor(arena: PageArena, budget: MemoryBudget) {
    this.budget = budget;
    this.#arena = arena;
  }

  take(bytes: number): Buffer {
    return this.#arena.take(bytes);
  }

  giveBack(block: Buffer): void {
    this.#arena.giveBack(block);
  }

  allocate(bytes: number): Buffer {
    return Buffer.allocUnsafe(bytes);
  }
}
