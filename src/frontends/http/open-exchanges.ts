/**
 * The exchanges that are not yet answered, by connection: what a broken connection cancels and what a drain waits for.
 * Also answers what is no HTTP at all, in its place behind the answers that are still to come.
 */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { invalidArgument } from '../../errors.ts';
import { FlushTurn } from '../../http2/flush-turn.ts';
import type { Clock } from '../../time.ts';
import type { Exchange } from './exchange.ts';
import { HttpConnection } from './http-connection.ts';

/** How long a connection that was refused is read on, so that the refusal is not lost to a reset. */
const lingerMs = 1000;

export class OpenExchanges {
  /** Whether small answers may be written past Node's own response: see `exchange.ts`. */
  readonly writesDirectly: boolean;
  readonly #clock: Clock;
  readonly #turn = new FlushTurn();
  readonly #connections = new WeakMap<Duplex, HttpConnection>();
  /** Exchanges without an answer, and answers on their way to the kernel. */
  #count = 0;
  #isDraining = false;
  #whenEmpty: (() => void) | null = null;

  constructor(clock: Clock, writesDirectly: boolean) {
    this.#clock = clock;
    this.writesDirectly = writesDirectly;
  }

  connect(socket: Socket): void {
    const connection = new HttpConnection(socket, this.#turn);
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      const { exchanges } = connection;
      this.#count -= exchanges.size;
      for (const exchange of exchanges) exchange.abandon();
      exchanges.clear();
      this.#tellWhenEmpty();
    });
  }

  connectionOf(socket: Duplex): HttpConnection | null {
    return this.#connections.get(socket) ?? null;
  }

  open(exchange: Exchange): void {
    const { connection } = exchange;
    if (connection === null) return;
    connection.exchanges.add(exchange);
    connection.newest = exchange;
    this.#count++;
  }

  /** The answer of the exchange has been written. */
  close(exchange: Exchange): void {
    if (!this.#remove(exchange)) return;
    this.#count--;
    this.#tellWhenEmpty();
  }

  /** The whole answer of the exchange is this text, which holds bytes, one per character. */
  closeWith(exchange: Exchange, text: string): void {
    // It counts until the kernel has it.
    exchange.connection?.write(text, this.#written);
    this.#remove(exchange);
  }

  /** Whether the connection is to end with the answer of this exchange: it is the newest one and the server drains. */
  closesAfter(exchange: Exchange): boolean {
    return this.#isDraining && exchange.connection?.newest === exchange;
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
    const connection = this.connectionOf(socket);
    if (connection === null || connection.refusal !== null) return;
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

  #remove(exchange: Exchange): boolean {
    const { connection } = exchange;
    if (connection?.exchanges.delete(exchange) !== true) return false;
    if (connection.exchanges.size > 0) {
      // A time limit for writing a large answer must not hit the wait for the next one.
      connection.stopTimeLimit();
      return true;
    }
    connection.newest = null;
    if (connection.refusal !== null) this.#end(connection.socket, connection.refusal);
    return true;
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

  readonly #written = (): void => {
    this.#count--;
    this.#tellWhenEmpty();
  };

  #tellWhenEmpty(): void {
    if (this.#count > 0) return;
    this.#whenEmpty?.();
    this.#whenEmpty = null;
  }
}
