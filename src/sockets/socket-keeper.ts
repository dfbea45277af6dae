/**
 * The sockets of a server: one read buffer for all, one timer, and for each socket a user that speaks the protocol.
 * Events of a socket are forwarded to its user.
 */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../time.ts';
import { ReadTurn } from './read-turn.ts';
import { ReceiveLowWater, type SocketMark } from './receive-low-water.ts';
import type { SocketCalls } from './socket-calls.ts';
import { readInto } from './socket-input.ts';
import type { CountWaiting } from './socket-writer.ts';

/**
 * For all sockets together, so it may be large: a peer that sends fast fills it. Half of a usual second-level cache, so
 * that bytes are still in the cache when they are copied. 64 and 128 KiB cost more, 512 KiB no less (measured).
 */
const readBufferBytes = 256 * 1024;

const tickMs = 1000;

/** The user of a socket: a connection of a protocol. */
export interface SocketUser {
  /** Bytes that are certain to follow before anything can be done. */
  readonly missingBytes: number;
  /** Takes received bytes, which may be overwritten when this returns. */
  receive(bytes: Buffer, from: number, end: number): void;
  /** The socket has taken everything that waited for it. */
  drained(): void;
  /** The peer will send nothing more. */
  ended(): void;
  /** The socket is closed. */
  lost(): void;
  /** About once a second. */
  tick(nowMs: number): void;
}

/** Asked about once a second for each connection. */
export type IsMemoryShort = () => boolean;

/** Optional links between a server and its surroundings. */
export interface ServerLinks {
  /** Called when a connection has ended. */
  readonly ended?: () => void;
  /** Null: only Node's own calls are used. */
  readonly socketCalls?: SocketCalls | null;
  /** Counts bytes that wait for peers, of all connections. */
  readonly countWaiting?: CountWaiting | null;
  /** Whether memory is short: peers that do not read are given less time then. */
  readonly isMemoryShort?: IsMemoryShort | null;
}

export class SocketKeeper<User extends SocketUser> {
  readonly #clock: Pick<Clock, 'now' | 'schedule'>;
  readonly #users = new Map<Duplex, User>();
  /** Filled by one read and emptied by one `receive`, whichever socket it was: it is not read in between. */
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  /** Where sockets wait for their turn; their users hold bytes there as well. */
  readonly readTurn: ReadTurn;
  readonly #lowWater: ReceiveLowWater | null;
  readonly #ended: () => void;
  #cancelTick: (() => void) | null = null;

  constructor(clock: Pick<Clock, 'now' | 'schedule'>, { ended = () => undefined, socketCalls = null }: ServerLinks) {
    this.#clock = clock;
    this.readTurn = new ReadTurn(clock);
    this.#ended = ended;
    this.#lowWater = socketCalls === null ? null : new ReceiveLowWater(socketCalls.setReceiveLowWater, clock);
  }

  get size(): number {
    return this.#users.size;
  }

  users(): Iterable<User> {
    return this.#users.values();
  }

  /**
   * Takes over a socket, which reads from now on. It should have been accepted with `pauseOnConnect`, so that its first
   * bytes are read into this buffer.
   *
   * @param make Makes the user, whose socket may be another one than `accepted`. Not called for a closed socket.
   */
  accept(accepted: Duplex, make: (socket: Duplex) => User): void {
    if (accepted.destroyed) return;
    // The user of the bytes is made after the socket.
    let user: User | null = null;
    let mark: SocketMark | null = null;
    const take = (bytes: Buffer, length: number): void => {
      if (user === null) return;
      user.receive(bytes, 0, length);
      mark?.read(user.missingBytes);
    };
    const socket = accepted instanceof Socket ? readInto(accepted, this.#readBuffer, take, this.readTurn) : accepted;
    if (socket === accepted) socket.on('data', (bytes: Buffer) => take(bytes, bytes.length));
    else mark = this.#lowWater?.markOf(socket as Socket) ?? null;
    // The close event follows and is handled.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#closed(socket));
    socket.on('end', () => user?.ended());
    socket.on('drain', () => user?.drained());
    user = make(socket);
    this.#users.set(socket, user);
    this.#armTick();
    socket.resume();
  }

  /** Cuts all connections. */
  destroy(): void {
    for (const socket of [...this.#users.keys()]) socket.destroy();
    this.#cancelTick?.();
    this.#cancelTick = null;
  }

  #closed(socket: Duplex): void {
    const user = this.#users.get(socket);
    this.#users.delete(socket);
    user?.lost();
    this.#ended();
  }

  #armTick(): void {
    if (this.#cancelTick !== null) return;
    this.#cancelTick = this.#clock.schedule(this.#clock.now() + tickMs, () => {
      this.#cancelTick = null;
      const nowMs = this.#clock.now();
      for (const user of this.#users.values()) user.tick(nowMs);
      if (this.#users.size > 0) this.#armTick();
    });
  }
}
