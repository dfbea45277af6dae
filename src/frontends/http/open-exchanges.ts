/**
 * The exchanges that are not yet answered, by connection: what a broken connection cancels and what a drain waits for.
 * Also answers what is no HTTP at all, in its place behind the answers that are still to come.
 */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { invalidArgument } from '../../errors.ts';
import type { Clock } from '../../time.ts';
import type { Exchange } from './exchange.ts';

/** How long a connection that was refused is read on, so that the refusal is not lost to a reset. */
const lingerMs = 1000;

interface Connection {
  /** In order of arrival. */
  readonly exchanges: Set<Exchange>;
  newest: Exchange | null;
  /** Written when the last exchange has been answered; then the connection ends. */
  refusal: string | null;
}

export class OpenExchanges {
  readonly #clock: Clock;
  readonly #connections = new WeakMap<Duplex, Connection>();
  #count = 0;
  #isDraining = false;
  #whenEmpty: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connect(socket: Duplex): void {
    const connection: Connection = { exchanges: new Set(), newest: null, refusal: null };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      const { exchanges } = connection;
      this.#count -= exchanges.size;
      for (const exchange of exchanges) exchange.abandon();
      exchanges.clear();
      this.#tellWhenEmpty();
    });
  }

  open(exchange: Exchange): void {
    const connection = this.#connectionOf(exchange.request);
    if (connection === undefined) return;
    connection.exchanges.add(exchange);
    connection.newest = exchange;
    this.#count++;
  }

  /** The answer of the exchange has been written. */
  close(exchange: Exchange): void {
    const { socket } = exchange.request;
    const connection = this.#connections.get(socket);
    if (connection?.exchanges.delete(exchange) !== true) return;
    this.#count--;
    if (connection.exchanges.size === 0) connection.newest = null;
    // A time limit for writing a large answer must not hit the wait for the next one.
    else socket.setTimeout(0);
    if (connection.exchanges.size === 0 && connection.refusal !== null) this.#end(socket, connection.refusal);
    this.#tellWhenEmpty();
  }

  /** Whether the connection is to end with the answer of this exchange: it is the newest one and the server drains. */
  closesAfter(exchange: Exchange): boolean {
    return this.#isDraining && this.#connectionOf(exchange.request)?.newest === exchange;
  }

  /** From now on every connection ends with its newest answer. */
  closeAfterNewest(): void {
    this.#isDraining = true;
  }

  /** Resolves when all exchanges have been answered. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
      this.#tellWhenEmpty();
    });
  }

  /**
   * The connection sent something that is no request. When that was the body of a request, its exchange is refused; else
   * the refusal follows the answers that are due. `reply` is a complete HTTP response.
   */
  refuse(socket: Duplex, reply: string, reason: string): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.refusal !== null) return;
    connection.refusal = reply;
    const { newest, exchanges } = connection;
    if (newest?.isOpen === true && !newest.request.complete) {
      connection.refusal = '';
      newest.closeAfterAnswer();
      newest.answerError(invalidArgument(reason));
    } else if (exchanges.size === 0) {
      this.#end(socket, reply);
    }
  }

  #end(socket: Duplex, reply: string): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(reply);
    const stop = this.#clock.schedule(this.#clock.now() + lingerMs, () => socket.destroy());
    socket.once('close', stop);
  }

  #connectionOf(request: IncomingMessage): Connection | undefined {
    return this.#connections.get(request.socket);
  }

  #tellWhenEmpty(): void {
    if (this.#count > 0) return;
    this.#whenEmpty?.();
    this.#whenEmpty = null;
  }
}
