/**
 * The requests that all streams of one connection have outstanding: read, and not answered. Together they have as many as
 * a connection may have unary calls, so that one connection cannot fill the queues that all callers share. A stream
 * without a request outstanding is always read.
 */

import { noConnection } from '../../../inference/connection-accounts.ts';

/** As many as unary calls (SETTINGS_MAX_CONCURRENT_STREAMS); several times more than a load tester keeps in flight. */
export const maxOutstanding = 1024;

/** A stream that wants to read its next message. */
export interface SharingStream {
  /** There may be room: reads, or waits again. */
  read(): void;
}

export class StreamShare {
  /** Streams of the connection that are open. */
  users = 0;
  #outstanding = 0;
  /** Streams that wait for room, in order. */
  readonly #waiting = new Set<SharingStream>();

  get isFull(): boolean {
    return this.#outstanding >= maxOutstanding;
  }

  /** The stream is told when there is room again. */
  wait(stream: SharingStream): void {
    this.#waiting.add(stream);
  }

  /** The stream has ended. */
  forget(stream: SharingStream): void {
    this.#waiting.delete(stream);
  }

  add(): void {
    this.#outstanding++;
  }

  /** So many requests were answered, or their stream has ended. */
  remove(count: number): void {
    this.#outstanding -= count;
    // Streams that cannot read now, for reasons of their own, leave the room to the next.
    for (const stream of this.#waiting) {
      if (this.isFull) return;
      this.#waiting.delete(stream);
      stream.read();
    }
  }
}

/** The shares of the connections of a thread. */
export class StreamShares {
  readonly #shares = new Map<number, StreamShare>();

  /** For a new stream of that connection; one whose connection is not known has a share for itself. */
  open(connection: number): StreamShare {
    let share = this.#shares.get(connection);
    if (share === undefined) {
      share = new StreamShare();
      if (connection !== noConnection) this.#shares.set(connection, share);
    }
    share.users++;
    return share;
  }

  /** The stream has ended, and nothing of it is counted any more. */
  close(connection: number, share: StreamShare): void {
    share.users--;
    if (share.users === 0) this.#shares.delete(connection);
  }
}
