/** Reading of real sockets. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReadTurn } from '../../src/sockets/read-turn.ts';
import { fullReadsPerTurn, readInto } from '../../src/sockets/socket-input.ts';
import { systemClock } from '../../src/time.ts';
import { RawConnection } from '../http2/raw-connection.ts';

type Internals = Socket & { _handle: unknown; _server: unknown };

const bufferBytes = 16;
let listener: Server;
let buffer: Buffer;
const closing: (() => void)[] = [];

beforeEach(async () => {
  buffer = Buffer.alloc(bufferBytes);
  listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  closing.push(() => listener.close());
  await once(listener, 'listening');
});

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A client and the paused socket that was accepted for it. */
async function connected(): Promise<{ readonly client: RawConnection; readonly socket: Internals }> {
  const accepted = once(listener, 'connection');
  const client = await RawConnection.bare((listener.address() as AddressInfo).port);
  const [socket] = (await accepted) as [Internals];
  closing.push(() => {
    client.destroy();
    socket.destroy();
  });
  return { client, socket };
}

const letters = (letter: string, count: number) => Buffer.alloc(count, letter);

/** Turns of the event loop until that holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

describe('readInto', () => {
  it('does not touch anything but an accepted socket of Node', async () => {
    const { socket } = await connected();
    const take = () => undefined;
    const read = () => readInto(socket, buffer, take, new ReadTurn(systemClock));
    const { _handle: handle, _server: owner } = socket;
    socket._server = undefined;
    expect(read()).toBe(socket);
    socket._server = owner;
    for (const other of [null, undefined, {}]) {
      socket._handle = other;
      expect(read()).toBe(socket);
    }
    socket._handle = handle;
    const taken = read();
    closing.push(() => taken.destroy());
    expect(taken).not.toBe(socket);
    expect(socket._handle).toBeNull();
  });

  it('reads into the one buffer, and the server knows when its sockets are closed', async () => {
    const { client, socket } = await connected();
    let text = '';
    const take = (bytes: Buffer, length: number) => {
      expect(bytes).toBe(buffer);
      text += bytes.toString('latin1', 0, length);
    };
    const taken = readInto(socket, buffer, take, new ReadTurn(systemClock));
    taken.resume();
    await client.write(Buffer.from('more than sixteen bytes of text'));
    client.destroy();
    await once(taken, 'close');
    expect(text).toBe('more than sixteen bytes of text');
    listener.close();
    await once(listener, 'close');
  });

  it('lets others have their turn after a few reads that filled the buffer, and loses nothing', async () => {
    const total = 10 * fullReadsPerTurn * bufferBytes + 3;
    const turn = new ReadTurn(systemClock);
    let text = '';
    const take = (bytes: Buffer, length: number) => {
      text += bytes.toString('latin1', 0, length);
    };
    const pair = [await connected(), await connected()];
    await Promise.all(pair.map(({ client }, i) => client.write(letters('ab'[i], total))));
    for (const { socket } of pair) readInto(socket, buffer, take, turn).resume();
    await until(() => text.length === 2 * total);
    const inTurn = fullReadsPerTurn * bufferBytes;
    const runs = (text.match(/a+|b+/g) ?? []).map(({ length }) => length);
    expect(runs.slice(0, 10)).toEqual(Array(10).fill(inTurn));
    expect(text.replaceAll('a', '')).toHaveLength(total);
  });

  it('reads nothing for a socket that is paused while it waits for its turn', async () => {
    const { client, socket } = await connected();
    const inTurn = fullReadsPerTurn * bufferBytes;
    let seen = 0;
    const taken = readInto(
      socket,
      buffer,
      (_, length) => {
        seen += length;
        if (seen === inTurn) taken.pause();
      },
      new ReadTurn(systemClock),
    );
    await client.write(letters('a', inTurn + 5));
    taken.resume();
    await until(() => seen >= inTurn);
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    expect(seen).toBe(inTurn);
    taken.resume();
    await until(() => seen > inTurn);
    expect(seen).toBe(inTurn + 5);
  });

  it('may be closed by the receiver of the bytes, in any read', async () => {
    for (let reads = 1; reads <= fullReadsPerTurn; reads++) {
      const { client, socket } = await connected();
      let seen = 0;
      const taken = readInto(
        socket,
        buffer,
        () => {
          if (++seen === reads) taken.destroy();
        },
        new ReadTurn(systemClock),
      );
      await client.write(letters('a', 1000));
      taken.resume();
      await once(taken, 'close');
      expect(seen).toBe(reads);
    }
  });
});
