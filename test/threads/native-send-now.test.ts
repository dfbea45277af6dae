/** Writes that go to the kernel past Node's stream: whole, in order, and with the end of a connection noticed as before. */

import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChunkPool } from '../../src/sockets/chunk-pool.ts';
import { descriptorOf } from '../../src/sockets/descriptor.ts';
import { FlushTurn, type SendNow } from '../../src/sockets/flush-turn.ts';
import { SocketWriter } from '../../src/sockets/socket-writer.ts';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';

const native = loadNativeThreads();

let near: Socket;
let far: Socket;

beforeEach(async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  far = connect((server.address() as { port: number }).port, '127.0.0.1');
  [near] = (await once(server, 'connection')) as [Socket];
  server.close();
  near.on('error', () => undefined);
  far.on('error', () => undefined);
});
afterEach(() => {
  near.destroy();
  far.destroy();
});

/** A writer to `near`, and what the kernel took directly of each write. */
function writerOver(sendNow: SendNow): { writer: SocketWriter; taken: number[]; pool: ChunkPool } {
  const taken: number[] = [];
  const pool = new ChunkPool();
  const counting: SendNow = (...call) => {
    taken.push(sendNow(...call));
    return taken.at(-1) as number;
  };
  return { writer: new SocketWriter(near, pool, new FlushTurn(counting)), taken, pool };
}

function put(writer: SocketWriter, text: string): void {
  const at = writer.reserve(text.length);
  writer.commit(at + writer.target.write(text, at, 'latin1'));
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Everything that comes until the near side ends. */
async function received(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of far) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('latin1');
}

describe('a write of a turn', () => {
  it('is taken by the kernel at once, and nothing of it is left with the stream', async () => {
    const { writer, taken } = writerOver(native.sendNow);
    const reading = received();
    for (const text of ['ab', 'cd', 'e']) {
      put(writer, text);
      put(writer, '.');
      await endOfTurn();
    }
    expect(taken).toEqual([3, 3, 2]);
    expect(near.bytesWritten).toBe(0);
    writer.end();
    expect(await reading).toBe('ab.cd.e.');
  });

  it('goes on through the stream where the kernel takes a part, and the next one waits behind it', async () => {
    const part: SendNow = (fd, bytes, from, end) => native.sendNow(fd, bytes, from, Math.min(end, from + 3));
    const { writer, taken } = writerOver(part);
    const reading = received();
    const told: string[] = [];
    for (const text of ['first.', 'second.', 'third.']) {
      put(writer, text);
      writer.onWritten(() => told.push(text));
      await endOfTurn();
    }
    writer.append(Buffer.from('part.'));
    put(writer, 'last.');
    writer.end();
    expect(await reading).toBe('first.second.third.part.last.');
    expect(taken.every((bytes) => bytes === 3)).toBe(true);
    expect(told).toEqual(['first.', 'second.', 'third.']);
  });

  it('keeps its order and its bytes when the peer reads slowly', async () => {
    const { writer, taken } = writerOver(native.sendNow);
    far.pause();
    const pieces = Array.from({ length: 2000 }, (_, i) => String(i).padStart(8000, '.'));
    for (const piece of pieces) {
      put(writer, piece);
      await endOfTurn();
    }
    expect(taken.length).toBeLessThan(pieces.length);
    expect(writer.unsentBytes).toBeGreaterThan(0);
    const reading = received();
    writer.end();
    expect((await reading) === pieces.join('')).toBe(true);
  });

  it('to a peer that has left ends the connection', async () => {
    const { writer } = writerOver(native.sendNow);
    const closed = new Promise((resolve) => near.once('close', resolve));
    far.resetAndDestroy();
    // The first ones may be taken before the reset arrives.
    while (!near.destroyed) {
      put(writer, 'text');
      await sleep(1);
    }
    await closed;
    put(writer, 'late');
    await endOfTurn();
    expect(writer.unsentBytes).toBe(0);
  });

  it('goes through the stream of a socket that is no plain one', async () => {
    class Derived extends Socket {}
    const handle = (near as unknown as { _handle: unknown })._handle;
    const derived = new Derived({ handle } as object);
    const asked: number[] = [];
    const turn = new FlushTurn((_fd, _bytes, from, end) => asked.push(end - from));
    const writer = new SocketWriter(derived, new ChunkPool(), turn);
    put(writer, 'text');
    const [bytes] = (await once(far, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('text');
    expect(asked).toEqual([]);
    derived.destroy();
  });
});

describe('sendNow', () => {
  const bytes = Buffer.from('text');

  it.each([
    ['an end before the beginning', () => native.sendNow(descriptorOf(near), bytes, 3, 2)],
    ['an end beyond the bytes', () => native.sendNow(descriptorOf(near), bytes, 0, 5)],
    ['no socket', () => native.sendNow(-1, bytes, 0, 4)],
    ['what are no bytes', () => native.sendNow(descriptorOf(near), 'text' as never, 0, 4)],
    ['too few arguments', () => (native.sendNow as (fd: number) => number)(descriptorOf(near))],
  ])('takes nothing of %s', (_, call) => {
    expect(call()).toBe(0);
  });
});
