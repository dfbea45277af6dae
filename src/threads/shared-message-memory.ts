/**
 * Messages received by a frontend thread lie where the scheduling thread can read them: large ones are received into pages
 * of the link's arena and never copied on their way to the batch. Small ones are ordinary memory, and their tensors are
 * copied into a page with their request.
 */

import { TrimTimer } from '../frontends/idle-blocks.ts';
import type { MessageMemory } from '../frontends/message-pool.ts';
import type { MemoryBudget } from '../inference/memory-budget.ts';
import type { Clock } from '../time.ts';
import type { PageArena } from './page-arena.ts';

/** From here on a second copy costs more than a page. */
const smallestShared = 64 * 1024;

export class SharedMessageMemory implements MessageMemory {
  readonly budget: MemoryBudget;
  readonly #arena: PageArena;
  readonly #timer: TrimTimer;

  /** @param budget of this thread. */
  constructor(arena: PageArena, clock: Clock, budget: MemoryBudget) {
    this.budget = budget;
    this.#arena = arena;
    this.#timer = new TrimTimer(clock, () => arena.trim());
  }

  take(bytes: number): Buffer {
    this.#timer.start();
    return this.#arena.take(bytes);
  }

  giveBack(block: Buffer): void {
    this.#arena.giveBack(block);
  }

  allocate(bytes: number): Buffer {
    return bytes < smallestShared ? Buffer.allocUnsafe(bytes) : this.#arena.take(bytes);
  }
}
