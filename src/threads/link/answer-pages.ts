/**
 * The memory of answers to one frontend thread: pages that the engine writes to, or into which outputs are copied, until
 * the thread has read them. All of it is in the account of the thread that schedules.
 */

import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { OutputMemory } from '../../inference/output-memory.ts';
import type { RegionBytes } from '../../tensor/tensor-bytes.ts';
import type { Page } from '../pages/page.ts';
import type { PageArena } from '../pages/page-arena.ts';
import type { PageBytes, WrittenRecord } from '../records/placed-tensors.ts';

export class AnswerPages implements OutputMemory {
  readonly #arena: PageArena;
  readonly #budget: MemoryBudget;
  /** Bytes of answers in the account. */
  #bytes = 0;
  #isClosed = false;

  constructor(arena: PageArena, budget: MemoryBudget) {
    this.#arena = arena;
    this.#budget = budget;
  }

  /** Null where the budget has no room, so that the answer is refused only if it is still too much when it is there. */
  take(bytes: number): PageBytes | null {
    if (this.#isClosed || !this.#budget.takesAnswer(bytes)) return null;
    this.#count(bytes);
    return this.#arena.room(bytes);
  }

  release(memory: RegionBytes): void {
    this.#arena.release(memory.region as Page);
    this.#count(-memory.length);
  }

  /** The record was sent. */
  keep({ countedBytes }: WrittenRecord): void {
    this.#count(countedBytes);
  }

  /** The other thread has read the record. */
  giveBack(record: WrittenRecord): void {
    record.release(this.#arena);
    this.#count(-record.countedBytes);
  }

  /** The other thread reads nothing any more: its answers leave the account. Memory is released as before. */
  close(): void {
    this.#count(-this.#bytes);
    this.#isClosed = true;
  }

  #count(bytes: number): void {
    if (this.#isClosed) return;
    this.#bytes += bytes;
    this.#budget.add(bytes);
  }
}
