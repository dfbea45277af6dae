/**
 * Collects the connections that have something to send, and flushes each once at the end of the current turn of the
 * event loop.
 */

import { clearForReuse } from '../reused-list.ts';
import type { SocketCalls } from './socket-calls.ts';

/** As `SocketCalls.sendNow`. */
export type SendNow = SocketCalls['sendNow'];

const resolved = Promise.resolve();

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
    // A microtask of its own runs behind those that are queued now: all answers that a callback of the event loop has
    // settled are written by then. A tick of Node would cost four times as much, and wait for longer chains of promises.
    if (this.#waiting.push(connection) === 1) resolved.then(this.#flush);
  }

  readonly #flush = (): void => {
    const flushed = this.#waiting;
    this.#waiting = this.#spare;
    for (let i = 0; i < flushed.length; i++) (flushed[i] as Flushable).flush();
    clearForReuse(flushed);
    this.#spare = flushed;
  };
}
