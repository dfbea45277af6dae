/**
 * Collects the connections that have something to send, and flushes each once at the end of the current turn of the
 * event loop.
 */

import type { SocketCalls } from './socket-calls.ts';

/** As `SocketCalls.sendNow`. */
export type SendNow = SocketCalls['sendNow'];

interface Flushable {
  flush(): void;
}

export class FlushTurn {
  /** Null: all bytes go through Node's streams. */
  readonly sendNow: SendNow | null;
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];

  constructor(sendNow: SendNow | null = null) {
    this.sendNow = sendNow;
  }

  /** Once per connection until it is flushed. */
  add(connection: Flushable): void {
    // Runs after the callback that is running now and the promises that it settled: all answers of a batch are written
    // by then.
    if (this.#waiting.push(connection) === 1) process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    const flushed = this.#waiting;
    this.#waiting = this.#spare;
    for (let i = 0; i < flushed.length; i++) (flushed[i] as Flushable).flush();
    flushed.length = 0;
    this.#spare = flushed;
  };
}
