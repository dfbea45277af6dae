/**
 * Memory that one thread writes and another one reads: pages of shared memory, filled from the front, that become free
 * as a whole when everything in them was released. Tensors go from the socket into a page and from the page into the
 * batch; they are never in the other thread's heap.
 *
 * Every allocation in a page has one owner, who releases it once, when no thread reads or writes it any more. Nothing
 * is left to the garbage collector, which does not run because of shared memory. A free page waits for its next use
 * (`idle-pages.ts`), and `openCount` counts allocations that are not released.
 */

import { memoryOf, RegionBytes, type TensorBytes } from '../../tensor/tensor-bytes.ts';
import type { Clock } from '../../time.ts';
import { type DiscardMemory, IdlePages } from './idle-pages.ts';
import { asItIs, type OpenMemory, Page } from './page.ts';

/** Small allocations share a page of this size; one larger than a quarter of it gets a page of its own. */
const sharedPageBytes = 256 * 1024;
const largestShared = sharedPageBytes / 4;

/** Allocations start at multiples of this, so that they can be read as numbers of eight bytes. */
const alignment = 8;

/** Announces a page to the reading thread, which must receive it before the page's id is used. */
type AnnouncePage = (id: number, memory: SharedArrayBuffer) => void;

export class PageArena {
  readonly #open: OpenMemory;
  readonly #announce: AnnouncePage;
  readonly #pages = new Map<ArrayBufferLike, Page>();
  readonly #idle: IdlePages;
  #current: Page;
  #openCount = 0;
  /** The page of each allocation and lease since `begin`. */
  readonly #begun: Page[] = [];
  #hasBegun = false;

  /** @param clock see `IdlePages`. */
  constructor(announce: AnnouncePage, discard: DiscardMemory, open: OpenMemory = asItIs, clock: Clock | null = null) {
    this.#open = open;
    this.#announce = announce;
    this.#idle = new IdlePages(discard, clock);
    this.#current = this.#make(sharedPageBytes);
  }

  /** Allocations that are not released: 0 when no call is open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** All pages. */
  get pages(): Iterable<Page> {
    return this.#pages.values();
  }

  /** Memory of pages that wait for their next use. */
  get idleBytes(): number {
    return this.#idle.heldBytes;
  }

  /**
   * Allocates that many bytes, at `start` in the returned page. The allocation is open until `release`.
   */
  reserve(bytes: number): Page {
    const page = bytes <= largestShared ? this.#shared(bytes) : this.#own(bytes);
    this.start = page.filled;
    page.filled = Math.min(page.filled + roundUp(bytes), page.memory.byteLength);
    if (page.filled > page.touchedBytes) page.touchedBytes = page.filled;
    this.#retain(page);
    return page;
  }

  /** The offset of the last `reserve`. */
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

  /** A lease on bytes in a page of this arena, which counts as an allocation until `release`; null for other bytes. */
  lease(bytes: TensorBytes): RegionBytes<Page> | null {
    const isPlaced = bytes instanceof RegionBytes;
    const page = this.pageOf(memoryOf(bytes));
    if (page === undefined) return null;
    this.#retain(page);
    return isPlaced && bytes.region === page
      ? (bytes as RegionBytes<Page>)
      : new RegionBytes(page, isPlaced ? bytes.offset : bytes.byteOffset, bytes.length);
  }

  /** Room of that many bytes, with any contents: one allocation until `release`. */
  room(bytes: number): RegionBytes<Page> {
    const page = this.reserve(bytes);
    return new RegionBytes(page, this.start, bytes);
  }

  /** A copy of these bytes: one allocation until `release`. */
  copy(bytes: Uint8Array): RegionBytes<Page> {
    const room = this.room(bytes.length);
    room.region.bytes.set(bytes, room.offset);
    return room;
  }

  #retain(page: Page): void {
    page.liveCount++;
    this.#openCount++;
    if (this.#hasBegun) this.#begun.push(page);
  }

  /** Takes back a block of `take`, once, when no thread reads or writes it any more; passes over other memory. */
  giveBack(block: Uint8Array): void {
    const page = this.pageOf(block.buffer);
    if (page !== undefined) this.release(page);
  }

  /** Releases one allocation of the page. */
  release(page: Page): void {
    this.#openCount--;
    page.liveCount--;
    if (page.liveCount > 0) return;
    page.filled = 0;
    if (page !== this.#current) this.#idle.keep(page);
  }

  /** Groups the allocations and leases from now on until `commit` or `undo`, in the same turn of the event loop. */
  begin(): void {
    this.#hasBegun = true;
  }

  commit(): void {
    this.#hasBegun = false;
    this.#begun.length = 0;
  }

  /** Releases all allocations and leases since `begin`. */
  undo(): void {
    for (const page of this.#begun) this.release(page);
    this.commit();
  }

  /** Called regularly: returns memory that was not needed since the last call. The result: whether any is left. */
  trim(): boolean {
    return this.#idle.trim();
  }

  #shared(bytes: number): Page {
    if (this.#current.filled + bytes > sharedPageBytes) this.#current = this.#next(sharedPageBytes);
    return this.#current;
  }

  /** A page for one large allocation: its size is a power of two, and only touched bytes take memory. */
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
