/**
 * The common part of both ends of a link: writes entries and wakes the other side, reads entries when woken, and keeps
 * the pages of both sides.
 */

import type { Clock } from '../../time.ts';
import type { LinkEnd, NativeLink } from './link.ts';
import type { EntryReader, LinkTurn } from './link-turn.ts';
import type { OpenMemory } from '../pages/page.ts';
import { PageArena } from '../pages/page-arena.ts';
import { PageTable } from '../pages/page-table.ts';
import { RecordReader, RecordWriter } from '../records/record.ts';
import { type EntryListener, RingReader, RingWriter } from './ring.ts';

export class LinkSide implements EntryReader {
  readonly arena: PageArena;
  readonly pages: PageTable;
  readonly writer = new RecordWriter();
  readonly reader = new RecordReader();
  /** The id of this side's doorbell, for the other side. */
  readonly doorbell: number;
  readonly #native: NativeLink;
  readonly #outgoing: RingWriter;
  readonly #incoming: RingReader;
  readonly #turn: LinkTurn;
  readonly #listener: EntryListener;
  readonly #onBroken: (error: unknown) => void;
  #otherDoorbell = -1;
  #isRingDue = false;
  #isClosed = false;

  /**
   * @param turn Of the thread; all its links share it.
   * @param listener May throw when an entry, or the record to which it points, is impossible.
   * @param onBroken Gets the exception of the listener; after it nothing from the other side can be trusted.
   */
  constructor(
    end: LinkEnd,
    native: NativeLink,
    clock: Clock,
    turn: LinkTurn,
    listener: EntryListener,
    onBroken: (error: unknown) => void,
  ) {
    this.#native = native;
    this.#outgoing = new RingWriter(end.outgoing);
    this.#incoming = new RingReader(end.incoming);
    this.#turn = turn;
    this.#listener = listener;
    this.#onBroken = onBroken;
    const open: OpenMemory = (memory) => native.plainView(new Uint8Array(memory)) ?? memory;
    this.pages = new PageTable(end.pages, open);
    this.arena = new PageArena(
      (id, memory) => end.pages.postMessage({ id, memory }),
      native.discardMemory,
      open,
      clock,
    );
    this.doorbell = native.createDoorbell(this.drain);
    end.pages.unref();
  }

  /** The other side is ready; earlier entries reach it now. */
  connect(otherDoorbell: number): void {
    this.#otherDoorbell = otherDoorbell;
    this.#ring();
  }

  push(kind: number, call: number, page: number, offset: number): void {
    if (this.#isClosed) return;
    this.#outgoing.push(kind, call, page, offset);
    if (this.#isRingDue) return;
    // One ring for all entries of this turn of the event loop: waking a thread costs more than several requests.
    this.#isRingDue = true;
    setImmediate(this.#ring);
  }

  /** Reads the entries of the other side. Called by the doorbell. */
  readonly drain = (): void => this.#turn.enter(this);

  get hasMore(): boolean {
    // The other side rings for new entries, not for those that are left.
    return !this.#isClosed && !this.#incoming.isEmpty;
  }

  read(maxWork: number): number {
    if (this.#isClosed) return 0;
    try {
      const hasFlushed = this.#outgoing.flush();
      const work = this.#incoming.drain(this.#listener, maxWork);
      if (this.#incoming.takeRoomWanted() || hasFlushed) this.#ring();
      return work;
    } catch (error) {
      this.close();
      this.#onBroken(error);
      return 0;
    }
  }

  /** Nothing is read or written after it. */
  close(): void {
    this.#isClosed = true;
    this.#turn.leave(this);
    this.#native.closeDoorbell(this.doorbell);
  }

  /** Begins one record and the copies that belong to it: they are written completely or not at all. */
  beginRecord(): void {
    this.arena.begin();
  }

  endRecord(): void {
    this.arena.commit();
    this.writer.commit();
  }

  dropRecord(): void {
    this.arena.undo();
    this.writer.abandon();
  }

  /** Gives all memory of all pages back to the system. No thread reads or writes it any more. */
  discardPages(): void {
    for (const pages of [this.arena.pages, this.pages.all])
      for (const { bytes } of pages) this.#native.discardMemory(bytes);
  }

  readonly #ring = (): void => {
    this.#isRingDue = false;
    if (this.#otherDoorbell >= 0 && !this.#isClosed) this.#native.ringDoorbell(this.#otherDoorbell);
  };
}
