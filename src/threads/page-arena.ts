/**
 * Memory that one thread writes and another one reads: pages of shared memory, filled from the front, that become free as a
 * whole when everything in them was given back. Tensors go from the socket into a page and from the page into the batch;
 * they never lie in the other thread's heap.
 *
 * Giving back is an economy, not a duty: what is never given back keeps its page from being used again, and the page goes
 * when the last view on it is collected, in both threads. So memory that somebody may still read is just not given back.
 */

import { IdleBlocks } from '../frontends/idle-blocks.ts';

/** Many small things share a page of this size; what is larger than a quarter of it gets a page of its own. */
const sharedPageBytes = 256 * 1024;
const largestShared = sharedPageBytes / 4;

/** Pages of one large thing are powers of two up to this and are used again; still larger ones are not. */
const largestBits = 23;

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
  readonly #forget: FinalizationRegistry<number>;
  /** Pages are held by the views on them, and here only while they are free or being filled. */
  readonly #pages = new WeakMap<ArrayBufferLike, Page>();
  readonly #idle = new IdleBlocks<Page>();
  #current: Page;
  #nextId = 0;

  /** @param forget called some time after nobody here can mention the page any more. */
  constructor(announce: AnnouncePage, forget: (id: number) => void, open: OpenMemory = asItIs) {
    this.#open = open;
    this.#announce = announce;
    this.#forget = new FinalizationRegistry(forget);
    this.#current = this.#make(sharedPageBytes);
  }

  /**
   * Room of that many bytes: from `start` of the last call on, in the page that is returned. It counts as one live thing of
   * the page until `release`.
   */
  reserve(bytes: number): Page {
    const page = bytes <= largestShared ? this.#shared(bytes) : this.#own(bytes);
    this.start = page.filled;
    page.filled = Math.min(page.filled + roundUp(bytes), page.memory.byteLength);
    page.liveCount++;
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

  /** Only a block of `take`, once, when nobody reads or writes it any more, in either thread. */
  giveBack(block: Uint8Array): void {
    const page = this.pageOf(block.buffer);
    if (page !== undefined) this.release(page);
  }

  /** One thing of the page is no longer needed. */
  release(page: Page): void {
    page.liveCount--;
    if (page.liveCount > 0) return;
    page.filled = 0;
    if (page !== this.#current) this.#keep(page);
  }

  /** Called now and then: what was not needed since the last time is let go. Returns whether anything is left. */
  trim(): boolean {
    return this.#idle.trim();
  }

  #shared(bytes: number): Page {
    if (this.#current.filled + bytes > sharedPageBytes) this.#current = this.#next(sharedPageBytes);
    return this.#current;
  }

  #own(bytes: number): Page {
    const bits = 32 - Math.clz32(bytes - 1);
    return bits > largestBits ? this.#make(roundUp(bytes)) : this.#next(Math.max(2 ** bits, sharedPageBytes / 2));
  }

  #next(bytes: number): Page {
    return this.#idle.take(bytes) ?? this.#make(bytes);
  }

  #keep(page: Page): void {
    const bytes = page.memory.byteLength;
    if (bytes <= 2 ** largestBits) this.#idle.keep(page, bytes);
  }

  #make(bytes: number): Page {
    const shared = new SharedArrayBuffer(bytes);
    const page = new Page(this.#nextId++, shared, this.#open(shared));
    this.#pages.set(page.memory, page);
    this.#forget.register(page.memory, page.id);
    this.#announce(page.id, shared);
    return page;
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
