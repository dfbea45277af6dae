/**
 * Memory that one thread writes and another one reads: pages of shared memory, filled from the front, that become free as a
 * whole when everything in them was given back. Tensors go from the socket into a page and from the page into the batch;
 * they never lie in the other thread's heap.
 *
 * Every thing in a page has one owner, who gives it back once, when nobody in either thread reads or writes it any more.
 * Nothing is left to the collector, which does not feel what pages hold: a page that is free waits for its next use
 * (`idle-pages.ts`), and `openCount` says how many things have not come back.
 */

import type { Clock } from '../../time.ts';
import { type DiscardMemory, IdlePages } from './idle-pages.ts';

/** Many small things share a page of this size; what is larger than a quarter of it gets a page of its own. */
const sharedPageBytes = 256 * 1024;
const largestShared = sharedPageBytes / 4;

/** What starts here can be read as numbers of eight bytes. */
const alignment = 8;

export class Page {
  readonly id: number;
  /** As the other thread is given it. */
  readonly shared: SharedArrayBuffer;
  /** As it is read and written here. */
  readonly memory: ArrayBufferLike;
  /** The whole page, as numbers: what records are made of. */
  readonly numbers: Float64Array;
  readonly bytes: Buffer;
  /** For the arena only: where the free rest begins, and how many things in it were not given back. */
  filled = 0;
  liveCount = 0;
  /** How much of it, from the front, has held something since its memory was last given back to the system. */
  touchedBytes = 0;

  constructor(id: number, shared: SharedArrayBuffer, memory: ArrayBufferLike) {
    this.id = id;
    this.shared = shared;
    this.memory = memory;
    this.numbers = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
  }
}

/** Tells the reading thread of a page; the reader must have got it before the first mention of the page's id. */
export type AnnouncePage = (id: number, memory: SharedArrayBuffer) => void;

/** What shared memory is read and written through in this thread. */
export type OpenMemory = (memory: SharedArrayBuffer) => ArrayBufferLike;

export const asItIs: OpenMemory = (memory) => memory;

export class PageArena {
  readonly #open: OpenMemory;
  readonly #announce: AnnouncePage;
  readonly #pages = new Map<ArrayBufferLike, Page>();
  readonly #idle: IdlePages;
  #current: Page;
  #openCount = 0;
  /** Pages of what was reserved since `begin`, once for each thing. */
  readonly #begun: Page[] = [];
  #hasBegun = false;

  /** @param clock see `IdlePages`. */
  constructor(announce: AnnouncePage, discard: DiscardMemory, open: OpenMemory = asItIs, clock: Clock | null = null) {
    this.#open = open;
    this.#announce = announce;
    this.#idle = new IdlePages(discard, clock);
    this.#current = this.#make(sharedPageBytes);
  }

  /** Things that were not given back: 0 when nothing is under way. */
  get openCount(): number {
    return this.#openCount;
  }

  /** All pages that there are. */
  get pages(): Iterable<Page> {
    return this.#pages.values();
  }

  /** Memory of pages that wait for their next use. */
  get idleBytes(): number {
    return this.#idle.heldBytes;
  }

  /**
   * Room of that many bytes: from `start` of the last call on, in the page that is returned. It counts as one live thing of
   * the page until `release`.
   */
  reserve(bytes: number): Page {
    const page = bytes <= largestShared ? this.#shared(bytes) : this.#own(bytes);
    this.start = page.filled;
    page.filled = Math.min(page.filled + roundUp(bytes), page.memory.byteLength);
    if (page.filled > page.touchedBytes) page.touchedBytes = page.filled;
    if (this.#hasBegun) this.#begun.push(page);
    this.retain(page);
    return page;
  }

  /** Where the room of the last `reserve` begins. */
  start = 0;

  /** A block of memory for a message. */
  take(bytes: number): Buffer {
    const page = this.reserve(bytes);
    return page.bytes.subarray(this.start, this.start + bytes);
  }

  /** The page in which that memory lies; undefined for memory from elsewhere. */
  pageOf(memory: ArrayBufferLike): Page | undefined {
    return this.#pages.get(memory);
  }

  /** One more owner of something in the page, who releases it. */
  retain(page: Page): void {
    page.liveCount++;
    this.#openCount++;
  }

  /** Only a block of `take`, once, when nobody reads or writes it any more, in either thread. */
  giveBack(block: Uint8Array): void {
    const page = this.pageOf(block.buffer);
    if (page !== undefined) this.release(page);
  }

  /** One thing of the page is no longer needed. */
  release(page: Page): void {
    this.#openCount--;
    page.liveCount--;
    if (page.liveCount > 0) return;
    page.filled = 0;
    if (page !== this.#current) this.#idle.keep(page);
  }

  /** What is reserved from now on is one whole, until `commit` or `undo`, in the same turn of the event loop. */
  begin(): void {
    this.#hasBegun = true;
  }

  commit(): void {
    this.#hasBegun = false;
    this.#begun.length = 0;
  }

  /** Gives back all that was reserved since `begin`. */
  undo(): void {
    for (const page of this.#begun) this.release(page);
    this.commit();
  }

  /** Called now and then: memory that was not needed since the last time is given back. Returns whether any is left. */
  trim(): boolean {
    return this.#idle.trim();
  }

  #shared(bytes: number): Page {
    if (this.#current.filled + bytes > sharedPageBytes) this.#current = this.#next(sharedPageBytes);
    return this.#current;
  }

  /** A page for one large thing: a power of two, of which only what is touched is memory. */
  #own(bytes: number): Page {
    return this.#next(Math.max(2 ** Math.ceil(Math.log2(bytes)), sharedPageBytes / 2));
  }

  #next(bytes: number): Page {
    return this.#idle.take(bytes) ?? this.#make(bytes);
  }

  #make(bytes: number): Page {
    const shared = new SharedArrayBuffer(bytes);
    const page = new Page(this.#pages.size, shared, this.#open(shared));
    this.#pages.set(page.memory, page);
    this.#announce(page.id, shared);
    return page;
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
