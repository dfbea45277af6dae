/** The choice of the thread for a new connection, with fake sockets. */

import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConnectionBalance, ConnectionCounts } from '../../../src/threads/pool/connection-balance.ts';

class FakeSocket {
  readonly _handle: { readonly fd: number } | null;
  destroyed = false;

  constructor(fd: number | null) {
    this._handle = fd === null ? null : { fd };
  }

  destroy(): void {
    this.destroyed = true;
  }
}

class Threads {
  readonly counts: ConnectionCounts;
  readonly balances: ConnectionBalance[];
  /** As `descriptor>thread`. */
  readonly handedOver: string[] = [];
  /** Whether the system has another descriptor. */
  hasDescriptors = true;

  constructor(count: number, isOpen = (_index: number): boolean => true) {
    this.counts = ConnectionCounts.of(count);
    const native = { duplicateSocket: (fd: number): number => (this.hasDescriptors ? fd + 100 : -1) };
    this.balances = Array.from({ length: count }, (_, index) => index)
      .filter(isOpen)
      .map(
        (index) => new ConnectionBalance(this.counts, index, native, (fd, to) => this.handedOver.push(`${fd}>${to}`)),
      );
  }

  accept(index: number, socket = new FakeSocket(7)): { readonly isKept: boolean; readonly socket: FakeSocket } {
    const isKept = (this.balances[index] as ConnectionBalance).accepted(socket as unknown as Socket);
    return { isKept, socket };
  }

  get numbers(): number[] {
    return this.balances.map((_, index) => this.counts.at(index));
  }
}

describe('connections of a port', () => {
  it('are spread evenly although one thread accepts them all', () => {
    const threads = new Threads(3);
    for (let i = 0; i < 9; i++) threads.accept(1);
    expect(threads.numbers).toEqual([3, 3, 3]);
    expect(threads.handedOver).toHaveLength(6);
  });

  it('stay where they were accepted when no thread has fewer', () => {
    const threads = new Threads(2);
    for (const index of [0, 1, 0, 1]) expect(threads.accept(index).isKept).toBe(true);
    expect(threads.handedOver).toEqual([]);
    expect(threads.numbers).toEqual([2, 2]);
  });

  it('are given away as another descriptor, and closed where they were accepted', () => {
    const threads = new Threads(2);
    threads.accept(0);
    const { isKept, socket } = threads.accept(0, new FakeSocket(9));
    expect([isKept, socket.destroyed]).toEqual([false, true]);
    expect(threads.handedOver).toEqual(['109>1']);
  });

  it('make room when they end', () => {
    const threads = new Threads(2);
    threads.accept(0);
    threads.accept(1);
    threads.balances[0]?.ended();
    expect(threads.numbers).toEqual([0, 1]);
    threads.accept(1);
    expect(threads.handedOver).toEqual(['107>0']);
  });

  it('are not given to a thread that takes none', () => {
    const threads = new Threads(2, (index) => index === 0);
    for (let i = 0; i < 5; i++) expect(threads.accept(0).isKept).toBe(true);
    expect(threads.handedOver).toEqual([]);
  });

  it.each([
    ['the system has no descriptor left', new FakeSocket(7), false],
    ['the socket is gone', new FakeSocket(null), true],
  ])('are kept when %s', (_why, socket, hasDescriptors) => {
    const threads = new Threads(2);
    threads.accept(0);
    threads.hasDescriptors = hasDescriptors;
    expect(threads.accept(0, socket).isKept).toBe(true);
    expect(socket.destroyed).toBe(false);
    expect(threads.numbers).toEqual([2, 0]);
  });
});
