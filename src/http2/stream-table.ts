/**
 * The streams of a connection: open ones, a memory of ended ones, and those that wait for a window. A stream that had
 * its turn goes to the end of the queue, so one large body does not delay small ones.
 */

import type { CountWaiting } from '../sockets/socket-writer.ts';
import type { FrameWriter } from './frame-writer.ts';
import { RecentStreams } from './recent-streams.ts';
import type { Http2Stream, StreamReceiver } from './stream.ts';

export class StreamTable {
  /** The highest id that the peer has opened. */
  lastId = 0;
  /**
   * The oldest open stream where it was alone when it was opened, else null. Many clients have one call at a time, and a
   * map that becomes empty is made anew by V8 each time.
   */
  #first: Http2Stream | null = null;
  /** The open streams after it. */
  readonly #others = new Map<number, Http2Stream>();
  /** Streams with held bodies, in the order of their turns. */
  readonly #waiting = new Set<Http2Stream>();
  readonly #ended = new RecentStreams();
  readonly #resetByUs = new RecentStreams();
  readonly #writer: FrameWriter;
  readonly #countWaiting: CountWaiting | null;
  #heldBytes = 0;
  #pumpedBytes = 0;

  constructor(writer: FrameWriter, countWaiting: CountWaiting | null = null) {
    this.#writer = writer;
    this.#countWaiting = countWaiting;
  }

  get size(): number {
    return this.#first === null ? this.#others.size : this.#others.size + 1;
  }

  /** Bodies that wait for the peer's windows. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes of such bodies that were sent so far: while the number stays the same, the peer takes none of them. */
  get pumpedBytes(): number {
    return this.#pumpedBytes;
  }

  get(id: number): Http2Stream | undefined {
    const first = this.#first;
    if (first !== null && first.id === id) return first;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** The open streams, in the order in which they were opened. */
  all(): Http2Stream[] {
    const others = this.#others.values();
    return this.#first === null ? [...others] : [this.#first, ...others];
  }

  add(stream: Http2Stream): void {
    if (this.size === 0) this.#first = stream;
    else this.#others.set(stream.id, stream);
  }

  /** @param isResetByUs Then frames that the peer sent before it knew of the reset are ignored. */
  remove(stream: Http2Stream, isResetByUs: boolean): void {
    if (stream === this.#first) this.#first = null;
    else if (!this.#others.delete(stream.id)) return;
    if (isResetByUs) this.#resetByUs.add(stream.id);
    else this.#ended.add(stream.id);
    if (!stream.hasHeld) return;
    this.#count(-stream.dropHeld());
    this.#waiting.delete(stream);
  }

  /** A stream that was reset before it was opened here. */
  rememberReset(id: number): void {
    this.#resetByUs.add(id);
  }

  wasResetByUs(id: number): boolean {
    return this.#resetByUs.has(id);
  }

  hasEnded(id: number): boolean {
    return this.#ended.has(id);
  }

  /** Empties the table and closes all open streams. */
  closeAll(): void {
    const streams = this.all();
    this.#first = null;
    this.#others.clear();
    this.#waiting.clear();
    this.#count(-this.#heldBytes);
    // All are shut before any receiver is notified, because a receiver may want to write to another stream.
    const told: StreamReceiver[] = [];
    for (const stream of streams) {
      stream.dropHeld();
      const receiver = stream.shut();
      if (receiver !== null) told.push(receiver);
    }
    for (const receiver of told) receiver.onClosed();
  }

  /** A stream has held a body; sends as much as the windows allow. */
  hold(stream: Http2Stream, bytes: number): void {
    this.#count(bytes);
    this.pump(stream);
  }

  /** A window of the stream has opened. */
  pump(stream: Http2Stream): void {
    this.#waiting.delete(stream);
    const sent = stream.pump();
    this.#pumpedBytes += sent;
    this.#count(-sent);
    if (stream.hasHeld && !stream.isClosed) this.#waiting.add(stream);
  }

  /** The window of the connection has opened. */
  pumpAll(): void {
    for (const stream of [...this.#waiting]) {
      if (this.#writer.sendWindow <= 0) return;
      this.pump(stream);
    }
  }

  #count(bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes !== 0) this.#countWaiting?.(bytes);
  }
}
