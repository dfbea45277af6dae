/**
 * Serves HTTP/2 on sockets that were accepted elsewhere: one connection object each. Knows nothing of the meaning of
 * requests.
 */

import type { Duplex } from 'node:stream';
import { ChunkPool } from '../sockets/chunk-pool.ts';
import { FlushTurn } from '../sockets/flush-turn.ts';
import { type ServerLinks, SocketKeeper } from '../sockets/socket-keeper.ts';
import type { Http2Clock } from './clock.ts';
import { type ConnectionSurroundings, Http2Connection } from './connection.ts';
import { defaultLimits, type Http2Limits } from './limits.ts';
import type { PeerAccount } from './peer-account.ts';
import type { RequestHandler } from './stream.ts';

interface Http2ServerLinks extends Omit<ServerLinks, 'countWaiting'> {
  /** Opens the account of a new connection. */
  readonly openAccount?: (() => PeerAccount) | null;
}

export class Http2Server {
  readonly #surroundings: ConnectionSurroundings;
  readonly #sockets: SocketKeeper<Http2Connection>;
  #isLeaving = false;
  #onNoConnections: (() => void) | null = null;

  constructor(
    handler: RequestHandler,
    clock: Http2Clock,
    limits: Partial<Http2Limits> = {},
    links: Http2ServerLinks = {},
  ) {
    const ended = (): void => {
      links.ended?.();
      this.#resolveIfNone();
    };
    this.#sockets = new SocketKeeper(clock, { ...links, ended });
    this.#surroundings = {
      handler,
      clock,
      limits: { ...defaultLimits, ...limits },
      pool: new ChunkPool(),
      turn: new FlushTurn(links.socketCalls?.sendNow ?? null),
      readTurn: this.#sockets.readTurn,
      openAccount: links.openAccount ?? null,
      isMemoryShort: links.isMemoryShort ?? null,
    };
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  connections(): Iterable<Http2Connection> {
    return this.#sockets.users();
  }

  /**
   * Takes over a socket on which the peer speaks HTTP/2: a plain one by prior knowledge, or one of TLS that agreed on
   * `h2`.
   */
  accept(accepted: Duplex): void {
    this.#sockets.accept(accepted, (socket) => {
      const connection = new Http2Connection(socket, this.#surroundings);
      if (this.#isLeaving) connection.lifecycle.goAway(this.#surroundings.clock.now());
      return connection;
    });
  }

  /** Asks all peers to end. Resolves when the last connection is closed. */
  leave(): Promise<void> {
    this.#isLeaving = true;
    const nowMs = this.#surroundings.clock.now();
    for (const connection of this.connections()) connection.lifecycle.goAway(nowMs);
    return new Promise((resolve) => {
      this.#onNoConnections = resolve;
      this.#resolveIfNone();
    });
  }

  /** Cuts all connections. */
  destroy(): void {
    this.#sockets.destroy();
  }

  #resolveIfNone(): void {
    if (this.#sockets.size > 0) return;
    this.#onNoConnections?.();
    this.#onNoConnections = null;
  }
}
