/**
 * Gives the bytes of a socket to the connection that reads it, in shares of a turn (`ReadTurn`) and only while the
 * connection can take more (backpressure). Bytes that have been read and have to wait are held here, and the socket is
 * paused until they are taken: at most one read of it.
 */

import type { Duplex } from 'node:stream';
import type { ReadTurn, TurnTaker } from './read-turn.ts';
import type { CountWaiting } from './socket-writer.ts';

/** A connection of a protocol. */
export interface ByteReader {
  /**
   * Takes bytes, which may be overwritten when this returns, and returns where it stopped: before `end` when its share
   * of the turn is over, or when it has called `pause` because it can take no more.
   */
  read(bytes: Buffer, from: number, end: number): number;
}

export class SocketReading implements TurnTaker {
  readonly #socket: Duplex;
  readonly #turn: ReadTurn;
  readonly #reader: ByteReader;
  readonly #countWaiting: CountWaiting | null;
  #rest: Buffer | null = null;
  /** The memory in which the rest lies. */
  #heldBytes = 0;
  #isPaused = false;
  #isWaiting = false;

  /** @param countWaiting counts the memory of held bytes. */
  constructor(socket: Duplex, turn: ReadTurn, reader: ByteReader, countWaiting: CountWaiting | null) {
    this.#socket = socket;
    this.#turn = turn;
    this.#reader = reader;
    this.#countWaiting = countWaiting;
  }

  /** Whether bytes that have been read wait for the connection. */
  get hasRest(): boolean {
    return this.#rest !== null;
  }

  /** Bytes that the socket has read. They may be overwritten when this returns. */
  take(bytes: Buffer, from: number, end: number): void {
    if (this.#rest !== null) {
      // Only a socket that hands over bytes although it is paused.
      this.#hold(Buffer.concat([this.#rest, bytes.subarray(from, end)]));
      return;
    }
    const at = this.#turn.begin(end - from) ? this.#reader.read(bytes, from, end) : from;
    this.#turn.end();
    if (at < end) this.#hold(Buffer.from(bytes.subarray(at, end)));
  }

  /** Backpressure: nothing is given to the connection until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#rest === null) this.#socket.resume();
    else this.#wait();
  }

  /** Goes on with the held bytes. */
  takeTurn(): void {
    this.#isWaiting = false;
    if (this.#isPaused) return;
    const rest = this.#rest;
    if (rest !== null) {
      this.#rest = null;
      const at = this.#turn.begin(rest.length) ? this.#reader.read(rest, 0, rest.length) : 0;
      this.#turn.end();
      if (at < rest.length) {
        this.#rest = rest.subarray(at);
        this.#wait();
        return;
      }
    }
    this.drop();
    if (!this.#isPaused) this.#socket.resume();
  }

  /** The held bytes are not wanted any more. */
  drop(): void {
    this.#rest = null;
    this.#count(0);
  }

  #hold(rest: Buffer): void {
    this.#rest = rest;
    this.#count(rest.length);
    this.#socket.pause();
    this.#wait();
  }

  #wait(): void {
    if (this.#isPaused || this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turn.wait(this);
  }

  #count(heldBytes: number): void {
    if (heldBytes === this.#heldBytes) return;
    this.#countWaiting?.(heldBytes - this.#heldBytes);
    this.#heldBytes = heldBytes;
  }
}
