/**
 * Sends the bytes of a connection: all writes of one turn of the event loop leave in one system call. Small pieces are
 * copied into a pooled chunk; large ones are sent without a copy.
 */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ChunkPool, chunkBytes } from './chunk-pool.ts';
import { descriptorOf } from './descriptor.ts';
import type { FlushTurn } from './flush-turn.ts';

/** The largest piece that fits a chunk. Larger ones are written with `append`. */
export const maxReservedBytes: number = chunkBytes;

/**
 * Appended and not flushed bytes count beyond this: in a turn with many large answers nothing else would bound them.
 */
const uncountedBytes = 256 * 1024;

/** Called with the change of the bytes that wait for a peer. */
export type CountWaiting = (bytes: number) => void;

const nothing = Buffer.alloc(0);

const tellAll =
  (written: readonly (() => void)[]) =>
  (error?: Error | null): void => {
    if (error === null || error === undefined) for (const callback of written) callback();
  };

export class SocketWriter {
  readonly #socket: Duplex;
  /** Where bytes may go to the kernel past Node's stream; -1 where they may not, as for TLS. */
  readonly #descriptor: number;
  readonly #pool: ChunkPool;
  readonly #turn: FlushTurn;
  #chunk: Buffer | null = null;
  /** The part of the chunk that is written and not yet in `#parts`. */
  #from = 0;
  #to = 0;
  #parts: Buffer[] | null = null;
  /** Chunks that are full and referred to by `#parts`. */
  #full: Buffer[] | null = null;
  /** Chunks that the socket has not taken yet. */
  readonly #lent: Buffer[] = [];
  #isQueued = false;
  #onWritten: (() => void)[] | null = null;
  #isEnding = false;
  readonly #countWaiting: CountWaiting | null;
  /** Functions that give back memory which is not sent yet. */
  readonly #unreleased = new Set<() => void>();
  #isLost = false;
  /** The bytes reported to `#countWaiting`. */
  #countedBytes = 0;
  #appendedBytes = 0;

  constructor(socket: Duplex, pool: ChunkPool, turn: FlushTurn, countWaiting: CountWaiting | null = null) {
    this.#socket = socket;
    this.#descriptor = turn.sendNow !== null && socket.constructor === Socket ? descriptorOf(socket) : -1;
    this.#pool = pool;
    this.#turn = turn;
    this.#countWaiting = countWaiting;
  }

  /** Bytes that the socket has not taken yet, without those of the current turn. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /**
   * Bytes of the current write that the kernel has not taken yet; 0 if unknown. `unsentBytes` counts the whole write
   * until its last byte is taken, which may be minutes for a large one.
   */
  get untakenBytes(): number {
    // Not documented, but used by the socket timeouts of Node itself.
    const { _handle: handle } = this.#socket as { _handle?: { readonly writeQueueSize?: unknown } | null };
    return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0;
  }

  /** Whether the kernel has everything that was written. */
  get isEmpty(): boolean {
    return !this.#isQueued && this.#socket.writableLength === 0;
  }

  /** The block into which the position from `reserve` points; holds until the next `reserve`. */
  get target(): Buffer {
    return this.#chunk as Buffer;
  }

  /** Makes room for up to `bytes` and returns where; `commit` says how much was used. */
  reserve(bytes: number): number {
    if (this.#chunk !== null && chunkBytes - this.#to >= bytes) return this.#to;
    if (this.#chunk !== null) this.#closeChunk(this.#chunk);
    this.#chunk = this.#pool.take();
    this.#from = 0;
    this.#to = 0;
    return 0;
  }

  /** Everything before `to` is written. */
  commit(to: number): void {
    this.#to = to;
    this.#queue();
  }

  /** Sends these bytes without a copy; they must not change before they are sent (`releaseWhenSent`). */
  append(bytes: Buffer): void {
    this.#closeRun();
    this.#parts ??= [];
    this.#parts.push(bytes);
    this.#appendedBytes += bytes.length;
    if (this.#appendedBytes > uncountedBytes) this.count();
    this.#queue();
  }

  /** Calls back once everything written so far was sent, and never if the connection ends before. */
  onWritten(callback: () => void): void {
    this.#onWritten ??= [];
    this.#onWritten.push(callback);
    this.#queue();
  }

  /**
   * Calls back once, when nothing that was appended so far is read any more: it was sent, or the socket is closed.
   */
  releaseWhenSent(release: () => void): void {
    if (this.#isLost) {
      release();
      return;
    }
    this.#unreleased.add(release);
    this.onWritten(() => {
      if (this.#unreleased.delete(release)) release();
    });
  }

  /** The socket is closed. A write that was under way has ended, so nothing of it is read any more. */
  lost(): void {
    this.#isLost = true;
    for (const release of this.#unreleased) release();
    this.#unreleased.clear();
    this.count();
  }

  /** Sends everything written, then the end of the stream. Nothing may be written after. */
  end(): void {
    this.#isEnding = true;
    this.flush();
  }

  /**
   * Reports how many bytes wait. Called here after a write, and by the owner when the socket has taken bytes or is
   * closed. Less than the buffer of a socket does not count.
   */
  count(): void {
    if (this.#lent.length > 0) this.#takeBack();
    if (this.#countWaiting === null) return;
    const socket = this.#socket;
    const appended = this.#appendedBytes > uncountedBytes ? this.#appendedBytes : 0;
    const waiting = socket.destroyed ? 0 : appended + (socket.writableNeedDrain ? socket.writableLength : 0);
    if (waiting === this.#countedBytes) return;
    this.#countWaiting(waiting - this.#countedBytes);
    this.#countedBytes = waiting;
  }

  /** Gives everything written in this turn to the socket. */
  flush(): void {
    this.#isQueued = false;
    this.#appendedBytes = 0;
    if (this.#lent.length > 0) this.#takeBack();
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) {
      this.#drop();
      this.count();
      return;
    }
    const written = this.#onWritten;
    this.#onWritten = null;
    if (this.#parts === null) this.#writeRun(written);
    else this.#writeParts(this.#parts, written);
    if (this.#isEnding) socket.end();
    // Most writes are taken at once, and then nothing waits.
    if (this.#countedBytes > 0 || socket.writableLength > 0) this.count();
  }

  #writeRun(written: (() => void)[] | null): void {
    const chunk = this.#chunk;
    if (chunk === null || this.#to === this.#from) {
      if (written !== null) this.#socket.write(nothing, tellAll(written));
      return;
    }
    const from = this.#from + this.#sendNow(chunk);
    const to = this.#to;
    this.#chunk = null;
    this.#from = 0;
    this.#to = 0;
    if (written !== null) this.#socket.write(chunk.subarray(from, to), tellAll(written));
    else if (from < to) this.#socket.write(chunk.subarray(from, to));
    // Zero: the kernel took it in the same call, so the chunk is free.
    if (this.#socket.writableLength === 0) this.#pool.giveBack(chunk);
    else this.#lent.push(chunk);
  }

  /**
   * Offers the run of the chunk to the kernel, and returns how many bytes it took. Node would make several objects for it,
   * and call back when all is done.
   */
  #sendNow(chunk: Buffer): number {
    const { sendNow } = this.#turn;
    // What Node still has is to be sent first. The socket is open, so the descriptor is still its own.
    if (sendNow === null || this.#descriptor < 0 || this.#socket.writableLength > 0) return 0;
    return sendNow(this.#descriptor, chunk, this.#from, this.#to);
  }

  #writeParts(parts: Buffer[], written: (() => void)[] | null): void {
    const socket = this.#socket;
    if (this.#chunk !== null) this.#closeChunk(this.#chunk);
    const full = this.#full;
    this.#parts = null;
    this.#full = null;
    socket.cork();
    const last = parts.length - 1;
    for (let i = 0; i < last; i++) socket.write(parts[i]);
    if (written === null) socket.write(parts[last]);
    else socket.write(parts[last], tellAll(written));
    socket.uncork();
    if (full === null) return;
    this.#lent.push(...full);
    this.#takeBack();
  }

  /** Returns the chunks to the pool when the socket has taken all that was written, or is closed. */
  #takeBack(): void {
    if (!this.#isLost && this.#socket.writableLength > 0) return;
    for (const chunk of this.#lent) this.#pool.giveBack(chunk);
    this.#lent.length = 0;
  }

  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#turn.add(this);
  }

  /** Lists the bytes written into the chunk so far, so that something else can follow them. */
  #closeRun(): void {
    if (this.#chunk === null || this.#from === this.#to) return;
    this.#parts ??= [];
    this.#parts.push(this.#chunk.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  #closeChunk(chunk: Buffer): void {
    this.#closeRun();
    this.#full ??= [];
    this.#full.push(chunk);
    this.#chunk = null;
    this.#from = 0;
    this.#to = 0;
  }

  #drop(): void {
    if (this.#chunk !== null) this.#pool.giveBack(this.#chunk);
    this.#chunk = null;
    this.#from = 0;
    this.#to = 0;
    this.#parts = null;
    this.#full = null;
    this.#onWritten = null;
  }
}
