/**
 * Chooses the thread that serves a new connection. The kernel spreads connections over the sockets of a port by a hash,
 * which is even for thousands; a few long-lived ones, as with gRPC, could share one thread while others are idle. So a
 * thread that accepts a connection and has more than another thread hands it over. Counts are in shared memory, one
 * number for each thread and protocol.
 */

import type { Socket } from 'node:net';
import type { ConnectionPlacement } from '../../frontends/frontend.ts';
import { descriptorOf } from '../../sockets/descriptor.ts';
import type { NativeThreads } from '../native-threads.ts';

/** The count of a thread that accepts no connections. */
const unavailable = 2 ** 30;

/** Connections of one protocol by the index of their thread. */
export class ConnectionCounts {
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#counts = new Int32Array(memory);
  }

  /** Counts for threads that accept no connections yet. */
  static of(threads: number): ConnectionCounts {
    const counts = new ConnectionCounts(new SharedArrayBuffer(4 * threads));
    for (let index = 0; index < threads; index++) counts.close(index);
    return counts;
  }

  /** The thread accepts connections from now on, and has none. */
  open(index: number): void {
    Atomics.store(this.#counts, index, 0);
  }

  /** The thread accepts no more. */
  close(index: number): void {
    Atomics.store(this.#counts, index, unavailable);
  }

  add(index: number, connections: number): void {
    Atomics.add(this.#counts, index, connections);
  }

  at(index: number): number {
    return Atomics.load(this.#counts, index);
  }

  /** The thread with the fewest connections; `index` when no other has fewer. */
  fewest(index: number): number {
    let found = index;
    for (let other = 0; other < this.#counts.length; other++) if (this.at(other) < this.at(found)) found = other;
    return found;
  }
}

/** Gives a connection to another thread, which owns the descriptor from then on. */
type HandOver = (fd: number, to: number) => void;

/** The functions of the addon that are used here. */
type SocketDuplicates = Pick<NativeThreads, 'duplicateSocket'>;

export class ConnectionBalance implements ConnectionPlacement {
  readonly #counts: ConnectionCounts;
  readonly #index: number;
  readonly #native: SocketDuplicates;
  readonly #handOver: HandOver;

  /** @param index The index of this thread, which accepts connections from now on. */
  constructor(counts: ConnectionCounts, index: number, native: SocketDuplicates, handOver: HandOver) {
    this.#counts = counts;
    this.#index = index;
    this.#native = native;
    this.#handOver = handOver;
    counts.open(index);
  }

  accepted(socket: Socket): boolean {
    const counts = this.#counts;
    const to = counts.fewest(this.#index);
    // Hand over only if the other thread has fewer connections even with this one.
    if (counts.at(to) >= counts.at(this.#index) || !this.#give(socket, to)) {
      counts.add(this.#index, 1);
      return true;
    }
    return false;
  }

  ended(): void {
    this.#counts.add(this.#index, -1);
  }

  #give(socket: Socket, to: number): boolean {
    const fd = descriptorOf(socket);
    if (fd < 0) return false;
    const copy = this.#native.duplicateSocket(fd);
    if (copy < 0) return false;
    // Counted at once, so that others do not choose the same thread meanwhile.
    this.#counts.add(to, 1);
    // Closes this descriptor only: the connection lives on in the other one.
    socket.destroy();
    this.#handOver(copy, to);
    return true;
  }
}
