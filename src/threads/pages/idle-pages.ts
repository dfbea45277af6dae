/**
 * Free pages that wait for their next use, by size. The memory that they keep is bounded. Beyond the bound, and after a
 * time without use, it is returned to the system while the page keeps its addresses, so that views on it stay valid in
 * both threads and the page can be reused. A page is thus never unmapped: there are as many as were needed at once, and
 * their memory is bounded without the garbage collector.
 */

import { TrimTimer } from '../../frontends/idle-blocks.ts';
import type { Clock } from '../../time.ts';
import type { Page } from './page.ts';

/** Memory of all idle pages together. */
const maxIdleBytes = 32 * 1024 * 1024;

/** Returns the memory of these bytes to the system; see `NativeThreads.discardMemory`. */
export type DiscardMemory = (bytes: Uint8Array) => void;

export class IdlePages {
  readonly #discard: DiscardMemory;
  /** By the power of two of their size: those with memory, and those without. */
  readonly #full: Page[][] = [];
  readonly #empty: Page[][] = [];
  readonly #timer: TrimTimer | null;
  #heldBytes = 0;
  #wasUsed = false;

  /** @param clock by which memory is returned; null: the caller calls `trim`. */
  constructor(discard: DiscardMemory, clock: Clock | null) {
    this.#discard = discard;
    this.#timer = clock === null ? null : new TrimTimer(clock, () => this.trim());
  }

  /** Memory that idle pages hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A page of exactly that size, or undefined. */
  take(bytes: number): Page | undefined {
    this.#wasUsed = true;
    const bits = bitsOf(bytes);
    const page = this.#full[bits]?.pop();
    if (page === undefined) return this.#empty[bits]?.pop();
    this.#heldBytes -= page.touchedBytes;
    return page;
  }

  keep(page: Page): void {
    if (this.#heldBytes + page.touchedBytes > maxIdleBytes) {
      this.#clear(page);
    } else {
      this.#heldBytes += page.touchedBytes;
      this.#timer?.start();
      push(this.#full, page);
    }
  }

  /**
   * Called regularly: returns all memory to the system if there was no `take` since the last call. The result: whether
   * any is left.
   */
  trim(): boolean {
    if (!this.#wasUsed) {
      for (const pages of this.#full) for (const page of pages ?? []) this.#clear(page);
      this.#full.length = 0;
      this.#heldBytes = 0;
    }
    this.#wasUsed = false;
    return this.#heldBytes > 0;
  }

  #clear(page: Page): void {
    this.#discard(page.bytes.subarray(0, page.touchedBytes));
    page.touchedBytes = 0;
    push(this.#empty, page);
  }
}

function push(bySize: Page[][], page: Page): void {
  const bits = bitsOf(page.bytes.length);
  const pages = bySize[bits];
  if (pages === undefined) bySize[bits] = [page];
  else pages.push(page);
}

/** The exponent of a power of two. */
const bitsOf = (bytes: number): number => Math.round(Math.log2(bytes));
