/**
 * Serves HTTP/2 on sockets that were accepted elsewhere: one connection object each, one read buffer for all, one timer.
 * Knows nothing of what requests mean.
 */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ChunkPool } from '../sockets/chunk-pool.ts';
import type { Http2Clock } from './clock.ts';
import { type ConnectionSurroundings, Http2Connection } from './connection.ts';
import { FlushTurn } from '../sockets/flush-turn.ts';
import { defaultLimits, type Http2Limits } from './limits.ts';
import { ReadTurn } from '../sockets/read-turn.ts';
import { ReceiveLowWater, type SetLowWater, type SocketMark } from '../sockets/receive-low-water.ts';
import { readInto } from '../sockets/socket-input.ts';
import type { RequestHandler } from './stream.ts';

/**
 * For all sockets together, so it may be large: a peer that sends fast fills it. Half of a usual second-level cache, so that
 * what the kernel copied is still near when we copy it. 64 and 128 KiB cost more, 512 KiB no less (measured).
 */
const readBufferBytes = 256 * 1024;

const tickMs = 1000;

/** What a server has of its surroundings, where there is something. */
export interface ServerLinks {
  /** Told of each connection that has ended. */
  readonly ended?: () => void;
  readonly setLowWater?: SetLowWater | null;
}

export class Http2Server {
  readonly #surroundings: ConnectionSurroundings;
  readonly #connections = new Map<Duplex, Http2Connection>();
  /** Filled by one read and emptied by one `receive`, whichever socket it was: nothing looks at it in between. */
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  readonly #readTurn = new ReadTurn();
  readonly #ended: () => void;
  readonly #lowWater: ReceiveLowWater | null;
  #cancelTick: (() => void) | null = null;
  #isLeaving = false;
  #onNoConnections: (() => void) | null = null;

  constructor(
    handler: RequestHandler,
    clock: Http2Clock,
    limits: Partial<Http2Limits> = {},
    { ended = () => undefined, setLowWater = null }: ServerLinks = {},
  ) {
    this.#ended = ended;
    this.#lowWater = setLowWater === null ? null : new ReceiveLowWater(setLowWater, clock);
    this.#surroundings = {
      handler,
      clock,
      limits: { ...defaultLimits, ...limits },
      pool: new ChunkPool(),
      turn: new FlushTurn(),
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  connections(): Iterable<Http2Connection> {
    return this.#connections.values();
  }

  /**
   * Takes over a socket on which the peer speaks HTTP/2: a plain one by prior knowledge, or one of TLS that agreed on `h2`.
   * A plain one should have been accepted with `pauseOnConnect`, so that its first bytes are read by us.
   */
  accept(accepted: Duplex): void {
    if (accepted.destroyed) return;
    // The bytes are taken by the connection, which is made after its socket.
    let connection: Http2Connection | null = null;
    let mark: SocketMark | null = null;
    const take = (bytes: Buffer, length: number): void => {
      if (connection === null) return;
      connection.receive(bytes, 0, length);
      mark?.read(connection.intake.missingBytes);
      this.#pauseIfBehind(connection, socket);
    };
    const socket = accepted instanceof Socket ? readInto(accepted, this.#readBuffer, take, this.#readTurn) : accepted;
    if (socket === accepted) socket.on('data', (bytes: Buffer) => take(bytes, bytes.length));
    else mark = this.#lowWater?.markOf(socket as Socket) ?? null;
    // What a broken socket means is told by its close, which follows.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#closed(socket));
    socket.on('drain', () => {
      if (socket.isPaused()) socket.resume();
    });
    connection = new Http2Connection(socket, this.#surroundings);
    this.#connections.set(socket, connection);
    if (this.#isLeaving) connection.life.goAway(this.#surroundings.clock.now());
    this.#armTick();
    socket.resume();
  }

  /** Asks all peers to end. Resolves when the last connection is closed. */
  leave(): Promise<void> {
    this.#isLeaving = true;
    const nowMs = this.#surroundings.clock.now();
    for (const connection of this.#connections.values()) connection.life.goAway(nowMs);
    return new Promise((resolve) => {
      this.#onNoConnections = resolve;
      this.#tellIfNone();
    });
  }

  /** Cuts all connections. */
  destroy(): void {
    for (const socket of [...this.#connections.keys()]) socket.destroy();
    this.#cancelTick?.();
    this.#cancelTick = null;
  }

  /** Who does not read its answers is not read from either. */
  #pauseIfBehind(connection: Http2Connection, socket: Duplex): void {
    if (connection.writer.output.unsentBytes > connection.limits.maxUnsentBytes) socket.pause();
  }

  #closed(socket: Duplex): void {
    const connection = this.#connections.get(socket);
    this.#connections.delete(socket);
    connection?.lost();
    this.#ended();
    this.#tellIfNone();
  }

  #tellIfNone(): void {
    if (this.#connections.size > 0) return;
    this.#onNoConnections?.();
    this.#onNoConnections = null;
  }

  #armTick(): void {
    if (this.#cancelTick !== null) return;
    const { clock } = this.#surroundings;
    this.#cancelTick = clock.schedule(clock.now() + tickMs, () => {
      this.#cancelTick = null;
      const nowMs = clock.now();
      for (const connection of this.#connections.values()) connection.tick(nowMs);
      if (this.#connections.size > 0) this.#armTick();
    });
  }
}
