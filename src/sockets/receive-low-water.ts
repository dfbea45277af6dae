/**
 * Reduces the wake-ups for a large message. Most clients write it 16 KB at a time, and each write is a wake-up, a turn
 * of the event loop and a read, which cost more than the bytes. While more bytes of a message are known to come, the
 * kernel is asked (SO_RCVLOWAT) to wake the server only when a good part of them has arrived.
 *
 * A low-water mark that is too high would delay everything else on the connection. So it never exceeds the bytes that
 * are known to come, and it is lowered for the rest of the message when nothing was read for a moment.
 */

import type { Socket } from 'node:net';
import type { Clock } from '../time.ts';
import { descriptorOf } from './descriptor.ts';
import type { SocketCalls } from './socket-calls.ts';

type SetLowWater = SocketCalls['setReceiveLowWater'];

/** Below the read buffer of 256 KiB, so that bytes that arrive meanwhile fit as well. */
export const wantedBytes = 192 * 1024;

/** For fewer missing bytes the mark is not raised; a raised mark is lowered with the missing bytes to the end. */
export const worthwhileBytes = 48 * 1024;

/** How long a raised mark may delay other messages of the connection. */
export const patienceMs = 4;

type LowWaterClock = Pick<Clock, 'now' | 'schedule'>;

/** The marks of all sockets of a server. */
export class ReceiveLowWater {
  readonly #set: SetLowWater;
  readonly #clock: LowWaterClock;
  readonly #raised = new Set<SocketMark>();
  #isWatching = false;

  constructor(set: SetLowWater, clock: LowWaterClock) {
    this.#set = set;
    this.#clock = clock;
  }

  markOf(socket: Socket): SocketMark {
    return new SocketMark(socket, this.#set, this.#watch);
  }

  readonly #watch = (mark: SocketMark): void => {
    this.#raised.add(mark);
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#clock.schedule(this.#clock.now() + patienceMs, this.#later);
  };

  readonly #later = (): void => {
    // Sockets that are ready are read first.
    setImmediate(this.#look);
  };

  readonly #look = (): void => {
    this.#isWatching = false;
    for (const mark of this.#raised) if (!mark.isWorthWatching()) this.#raised.delete(mark);
    if (this.#raised.size === 0) return;
    this.#isWatching = true;
    this.#clock.schedule(this.#clock.now() + patienceMs, this.#later);
  };
}

export class SocketMark {
  readonly #socket: Socket;
  readonly #set: SetLowWater;
  readonly #watch: (mark: SocketMark) => void;
  #bytes = 1;
  #wasRead = false;
  #missingBytes = 0;
  /** Nothing arrived for a moment: the mark stays down until another message begins. */
  #isSlow = false;

  constructor(socket: Socket, set: SetLowWater, watch: (mark: SocketMark) => void) {
    this.#socket = socket;
    this.#set = set;
    this.#watch = watch;
  }

  /** Called after each read. @param missingBytes are certain to follow before anything can be done. */
  read(missingBytes: number): void {
    this.#wasRead = true;
    if (missingBytes > this.#missingBytes) this.#isSlow = false;
    this.#missingBytes = missingBytes;
    if (missingBytes === 0) this.#change(1);
    else if (!this.#isSlow && (missingBytes >= worthwhileBytes || this.#bytes > 1)) {
      this.#change(Math.min(missingBytes, wantedBytes));
    }
  }

  /** Called now and then while the mark is raised. Lowers it when nothing was read since the last time. */
  isWorthWatching(): boolean {
    if (this.#bytes === 1) return false;
    if (!this.#wasRead) {
      this.#isSlow = true;
      this.#change(1);
      return false;
    }
    this.#wasRead = false;
    return true;
  }

  #change(bytes: number): void {
    if (bytes === this.#bytes) return;
    const fd = descriptorOf(this.#socket);
    if (fd < 0) return;
    const wasLow = this.#bytes === 1;
    this.#bytes = bytes;
    this.#set(fd, bytes);
    if (wasLow) this.#watch(this);
  }
}
