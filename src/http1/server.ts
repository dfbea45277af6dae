/**
 * Serves HTTP/1.1 on sockets that were accepted elsewhere: one connection object each. Knows nothing of the meaning of
 * requests.
 */

import type { Duplex } from 'node:stream';
import { ChunkPool } from '../sockets/chunk-pool.ts';
import { FlushTurn } from '../sockets/flush-turn.ts';
import { type ServerLinks, SocketKeeper } from '../sockets/socket-keeper.ts';
import type { Clock } from '../time.ts';
import { type ConnectionSurroundings, Http1Connection, type RequestHandler } from './connection.ts';
import { defaultLimits, type Http1Limits } from './limits.ts';

export class Http1Server {
  readonly #surroundings: ConnectionSurroundings;
  readonly #sockets: SocketKeeper<Http1Connection>;
  #isDraining = false;
  /** Whether a drain still keeps connections without a request open. */
  #isInGrace = true;
  #onDrained: (() => void) | null = null;
  #drained: Promise<void> | null = null;

  constructor(handler: RequestHandler, clock: Clock, limits: Partial<Http1Limits> = {}, links: ServerLinks = {}) {
    const ended = (): void => {
      links.ended?.();
      this.#look();
    };
    this.#sockets = new SocketKeeper(clock, { ...links, ended });
    this.#surroundings = {
      handler,
      clock,
      limits: { ...defaultLimits, ...limits },
      pool: new ChunkPool(),
      turn: new FlushTurn(links.socketCalls?.sendNow ?? null),
      readTurn: this.#sockets.readTurn,
      countWaiting: links.countWaiting ?? null,
      isMemoryShort: links.isMemoryShort ?? null,
    };
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /**
   * Takes over a socket. It should have been accepted with `allowHalfOpen`, so that a client that has closed its side
   * still gets the reason of a refusal.
   */
  accept(accepted: Duplex): void {
    this.#sockets.accept(accepted, (socket) => {
      const connection = new Http1Connection(socket, this.#surroundings);
      if (this.#isDraining) connection.drain(this.#look);
      return connection;
    });
  }

  /**
   * Lets every connection end with its newest answer, and those without a request after the grace: a client that sends
   * without pause may have its next one on the wire just now. Resolves when every received request was answered
   * and the answers were sent; repeated calls resolve with the first one.
   */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  /** Cuts all connections. */
  destroy(): void {
    this.#sockets.destroy();
  }

  #drain(graceMs: number): Promise<void> {
    const { clock } = this.#surroundings;
    this.#isDraining = true;
    for (const connection of this.#sockets.users()) connection.drain(this.#look);
    return new Promise((resolve) => {
      const stopWaiting = clock.schedule(clock.now() + graceMs, () => {
        this.#isInGrace = false;
        this.#look();
      });
      this.#onDrained = () => {
        stopWaiting();
        resolve();
      };
      this.#look();
    });
  }

  /** Whether the drain is over. */
  readonly #look = (): void => {
    if (this.#onDrained === null) return;
    for (const connection of this.#sockets.users()) if (this.#isInGrace || !connection.isIdle) return;
    this.#onDrained();
    this.#onDrained = null;
  };
}
