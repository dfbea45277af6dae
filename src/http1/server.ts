/**
 * Serves HTTP/1.1 on sockets that were accepted elsewhere: one connection object each, one read buffer for all, one timer.
 * Knows nothing of what requests mean.
 */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ChunkPool } from '../sockets/chunk-pool.ts';
import { FlushTurn } from '../sockets/flush-turn.ts';
import { ReadTurn } from '../sockets/read-turn.ts';
import { ReceiveLowWater, type SetLowWater, type SocketMark } from '../sockets/receive-low-water.ts';
import { readInto } from '../sockets/socket-input.ts';
import type { Clock } from '../time.ts';
import { type ConnectionSurroundings, Http1Connection, type RequestHandler } from './connection.ts';
import { defaultLimits, type Http1Limits } from './limits.ts';

/** As large as that of HTTP/2, for the same reason: see src/http2/server.ts. */
const readBufferBytes = 256 * 1024;

const tickMs = 1000;

/** What a server has of its surroundings, where there is something. */
export interface ServerLinks {
  /** Told of each connection that has ended. */
  readonly ended?: () => void;
  readonly setLowWater?: SetLowWater | null;
}

export class Http1Server {
  readonly #surroundings: ConnectionSurroundings;
  readonly #connections = new Map<Duplex, Http1Connection>();
  /** Filled by one read and emptied by one `receive`, whichever socket it was: nothing looks at it in between. */
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  readonly #readTurn = new ReadTurn();
  readonly #ended: () => void;
  readonly #lowWater: ReceiveLowWater | null;
  #cancelTick: (() => void) | null = null;
  #isDraining = false;
  /** Whether a drain still leaves connections open that have no request. */
  #isInGrace = true;
  #onDrained: (() => void) | null = null;
  #drained: Promise<void> | null = null;

  constructor(
    handler: RequestHandler,
    clock: Clock,
    limits: Partial<Http1Limits> = {},
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

  /**
   * Takes over a socket. It should have been accepted with `pauseOnConnect`, so that its first bytes are read by us, and
   * with `allowHalfOpen`, so that a client that has closed its side can be told why it was refused.
   */
  accept(accepted: Duplex): void {
    if (accepted.destroyed) return;
    // The bytes are taken by the connection, which is made after its socket.
    let connection: Http1Connection | null = null;
    let mark: SocketMark | null = null;
    const take = (bytes: Buffer, length: number): void => {
      if (connection === null) return;
      connection.receive(bytes, 0, length);
      mark?.read(connection.missingBytes);
    };
    const socket = accepted instanceof Socket ? readInto(accepted, this.#readBuffer, take, this.#readTurn) : accepted;
    if (socket === accepted) socket.on('data', (bytes: Buffer) => take(bytes, bytes.length));
    else mark = this.#lowWater?.markOf(socket as Socket) ?? null;
    // What a broken socket means is told by its close, which follows.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#closed(socket));
    socket.on('end', () => connection?.ended());
    socket.on('drain', () => connection?.goOn());
    connection = new Http1Connection(socket, this.#surroundings);
    this.#connections.set(socket, connection);
    if (this.#isDraining) connection.drain(this.#look);
    this.#armTick();
    socket.resume();
  }

  /**
   * Lets every connection end with its newest answer, and those without a request after the grace: a client that sends
   * without pause may have its next one on the wire just now. Resolves when every request that is here has been answered
   * and the answers have left; asked again, when the first time does.
   */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  /** Cuts all connections. */
  destroy(): void {
    for (const socket of [...this.#connections.keys()]) socket.destroy();
    this.#cancelTick?.();
    this.#cancelTick = null;
  }

  #drain(graceMs: number): Promise<void> {
    const { clock } = this.#surroundings;
    this.#isDraining = true;
    for (const connection of this.#connections.values()) connection.drain(this.#look);
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
    for (const connection of this.#connections.values()) {
      if (this.#isInGrace || !connection.isIdle) return;
    }
    this.#onDrained();
    this.#onDrained = null;
  };

  #closed(socket: Duplex): void {
    const connection = this.#connections.get(socket);
    this.#connections.delete(socket);
    connection?.lost();
    this.#ended();
    this.#look();
  }

  #armTick(): void {
    if (this.#cancelTick !== null) return;
    const { clock } = this.#surroundings;
    this.#cancelTick = clock.schedule(clock.now() + tickMs, () => {
      this.#cancelTick = null;
      const nowMs = clock.now();
      for (const connection of this.#connections.values()) connection.life.tick(nowMs);
      if (this.#connections.size > 0) this.#armTick();
    });
  }
}
