/**
 * Messages received by a frontend thread lie where the scheduling thread can read them: large ones are received into pages
 * of the link's arena and never copied on their way to the batch. Small ones are ordinary memory, and their tensors are
 * copied into a page with their request.
 */

import type { MessageMemory } from '../frontends/message-pool.ts';
import type { Clock } from '../time.ts';
import type { PageArena } from './page-arena.ts';

/** From here on a second copy costs more than a page. */
const smallestShared = 64 * 1024;

/** How long free pages wait for their next use, at least. */
const trimMs = 5000;

export class SharedMessageMemory implements MessageMemory {
  readonly #arena: PageArena;
  readonly #clock: Clock;
  #isTrimming = false;

  constructor(arena: PageArena, clock: Clock) {
    this.#arena = arena;
    this.#clock = clock;
  }

  take(bytes: number): Buffer {
    if (!this.#isTrimming) this.#trimLater();
    return this.#arena.take(bytes);
  }

  giveBack(block: Buffer): void {
    this.#arena.giveBack(block);
  }

  allocate(bytes: number): Buffer {
    return bytes < smallestShared ? Buffer.allocUnsafe(bytes) : this.#arena.take(bytes);
  }

  #trimLater(): void {
    this.#isTrimming = true;
    this.#clock.schedule(this.#clock.now() + trimMs, () => {
      this.#isTrimming = false;
      if (this.#arena.trim()) this.#trimLater();
    });
  }
}
