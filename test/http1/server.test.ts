/** The server on real sockets, which are its subject. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Http1Limits } from '../../src/http1/limits.ts';
import type { Http1Request } from '../../src/http1/request.ts';
import { Http1Server } from '../../src/http1/server.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';
import { get, post } from './scene.ts';

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Turns of the event loop until that holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

/** Keeps requests until a test answers them. */
class Keeper {
  readonly requests: Http1Request[] = [];
  goneCount = 0;

  onRequest(request: Http1Request): void {
    this.requests.push(request);
    request.listener = { endsWhenLost: true, onLost: () => this.goneCount++ };
  }

  onRefusal(request: Http1Request, reason: string, status: number): void {
    request.respond(status, [], reason);
  }

  onUnexpected(error: unknown): void {
    throw error;
  }

  answer(text: string, parts: readonly Uint8Array[] = [], release: (() => void) | null = null): void {
    this.requests.shift()?.respond(200, [], text, parts, release);
  }
}

class Client {
  readonly socket: Socket;
  text = '';
  isEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.isEnded = true;
    });
    socket.on('error', () => undefined);
  }

  say(text: string): void {
    this.socket.write(text, 'latin1');
  }

  get bodies(): string[] {
    return this.text.split(/HTTP\/1\.1 \d{3} [\s\S]*?\r\n\r\n/).slice(1);
  }
}

async function serve(limits: Partial<Http1Limits> = {}, prepare = (_socket: Socket): void => undefined) {
  const clock = new FakeClock();
  const keeper = new Keeper();
  const server = new Http1Server(keeper, clock, limits);
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    prepare(socket);
    server.accept(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  closing.push(() => {
    server.destroy();
    listener.close();
  });
  const open = async (): Promise<Client> => {
    const before = server.connectionCount;
    const socket = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    closing.push(() => socket.destroy());
    await once(socket, 'connect');
    await until(() => server.connectionCount > before);
    return new Client(socket);
  };
  const asked = (count: number) => until(() => keeper.requests.length === count);
  return { clock, keeper, server, open, asked };
}

/** Whether it has resolved, after whatever is under way. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  void promise.then(() => {
    over = true;
  });
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  return over;
}

const large = Buffer.alloc(32 << 20, 'x');

describe('Http1Server', () => {
  it.each([
    ['read by us', (): void => undefined],
    [
      'read by Node, where its insides are not as expected',
      (socket: Socket): void => {
        (socket as unknown as { _server: unknown })._server = undefined;
      },
    ],
  ])('serves a plain socket, %s', async (_, prepare) => {
    const { keeper, server, open, asked } = await serve({}, prepare);
    const client = await open();
    client.say(get('/a') + post('/b', 'x'.repeat(300_000)) + get('/c'));
    await asked(3);
    for (const text of ['a', 'b', 'c']) keeper.answer(text);
    await until(() => client.bodies.length === 3);
    expect([client.bodies, server.connectionCount]).toEqual([['a', 'b', 'c'], 1]);
    client.socket.destroy();
    await until(() => server.connectionCount === 0);
  });

  it('keeps clients that send at the same time apart', async () => {
    const { keeper, open, asked } = await serve();
    const clients = [await open(), await open(), await open()];
    const text = (i: number) => post(`/${i}`, `${i}`.repeat(1000));
    for (let at = 0; at < text(0).length; at += 97) {
      for (const [i, client] of clients.entries()) client.say(text(i).slice(at, at + 97));
      await new Promise(setImmediate);
    }
    await asked(3);
    for (const request of keeper.requests.splice(0)) request.respond(200, [], request.head.target);
    await until(() => clients.every(({ bodies }) => bodies.length === 1));
    expect(clients.map(({ bodies }) => bodies)).toEqual([['/0'], ['/1'], ['/2']]);
  });

  it('stops reading from a client that pipelines too much, and goes on', async () => {
    const { keeper, open, asked } = await serve({ maxPipelined: 4 });
    const client = await open();
    client.say(get('/').repeat(10_000));
    await asked(4);
    for (let i = 0; i < 10_000; i++) {
      await until(() => keeper.requests.length > 0);
      expect(keeper.requests.length).toBeLessThanOrEqual(4);
      keeper.answer(`${i}`);
    }
    await until(() => client.bodies.length === 10_000);
    expect(client.bodies.every((body, i) => body === `${i}`)).toBe(true);
  });

  it('stops reading from a client that does not read, and goes on', async () => {
    const { keeper, open, asked } = await serve();
    const client = await open();
    client.socket.pause();
    client.say(get('/'));
    await asked(1);
    let releases = 0;
    keeper.answer('', [large], () => releases++);
    client.say(get('/').repeat(3));
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect([keeper.requests.length, releases]).toEqual([0, 0]);
    client.socket.resume();
    // One at a time: their answers may be as large.
    for (let i = 0; i < 3; i++) {
      await asked(1);
      expect([keeper.requests.length, releases]).toEqual([1, 1]);
      keeper.answer('small');
    }
  });

  it('gives back the memory of an answer whose client leaves', async () => {
    const { keeper, server, open, asked } = await serve();
    const client = await open();
    client.socket.pause();
    client.say(get('/') + get('/'));
    await asked(2);
    let releases = 0;
    keeper.answer('', [large], () => releases++);
    keeper.answer('', [large], () => releases++);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(releases).toBe(0);
    client.socket.resetAndDestroy();
    await until(() => server.connectionCount === 0);
    expect(releases).toBe(2);
  });

  it('tells a request that its client has left, whether it closed or reset the connection', async () => {
    const { keeper, server, clock, open, asked } = await serve();
    const [closed, reset] = [await open(), await open()];
    closed.say(get('/'));
    reset.say(get('/'));
    await asked(2);
    reset.socket.resetAndDestroy();
    await until(() => keeper.goneCount === 1);
    closed.socket.destroy();
    // The first probe is reset by the system of the client, which the second one finds.
    await until(() => {
      clock.advance(25);
      return keeper.goneCount === 2;
    });
    await until(() => server.connectionCount === 0);
  });

  it('lets a client read its refusal though it goes on sending', async () => {
    const { open, server, clock } = await serve();
    const client = await open();
    client.say(`NONSENSE\n${'x'.repeat(2_000_000)}`);
    await until(() => client.isEnded);
    expect(client.text).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close\r\n\r\nthe request is not valid/,
    );
    expect(server.connectionCount).toBe(1);
    clock.advance(3000);
    await until(() => server.connectionCount === 0);
  });

  it('does not cut off a client that reads one large answer slowly', async () => {
    const { keeper, server, clock, open, asked } = await serve({ stallTimeoutMs: 5000 });
    const client = await open();
    client.socket.pause();
    client.say(get('/'));
    await asked(1);
    let isReleased = false;
    keeper.answer('', [large], () => {
      isReleased = true;
    });
    let seconds = 0;
    for (; !isReleased && server.connectionCount > 0; seconds++) {
      const before = client.text.length;
      client.socket.resume();
      await until(() => client.text.length > before + 1_000_000 || isReleased || server.connectionCount === 0);
      client.socket.pause();
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      clock.advance(1000);
    }
    expect([isReleased, seconds > 6, server.connectionCount]).toEqual([true, true, 1]);
  });

  it('cuts off a client that reads nothing', async () => {
    const { keeper, server, clock, open, asked } = await serve({ stallTimeoutMs: 5000 });
    const client = await open();
    client.socket.pause();
    client.say(get('/'));
    await asked(1);
    keeper.answer('', [large]);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    clock.advance(5000);
    expect(server.connectionCount).toBe(1);
    clock.advance(2000);
    await until(() => server.connectionCount === 0);
  });
});

describe('Http1Server in memory', () => {
  const inMemory = (limits: Partial<Http1Limits> = {}) => {
    const clock = new FakeClock();
    const keeper = new Keeper();
    const server = new Http1Server(keeper, clock, limits);
    const socket = new MemorySocket();
    server.accept(socket);
    return { clock, keeper, server, socket };
  };

  it('ticks while there are connections, and only then', async () => {
    const { clock, server, socket } = inMemory({ idleTimeoutMs: 3000 });
    expect(clock.waitingCount).toBe(1);
    clock.advance(3000);
    expect(socket.destroyed).toBe(true);
    await once(socket, 'close');
    clock.advance(1000);
    expect([clock.waitingCount, server.connectionCount]).toEqual([0, 0]);
  });

  it('takes no socket that is closed already', async () => {
    const { server, socket } = inMemory();
    socket.destroy();
    await once(socket, 'close');
    server.accept(socket);
    expect(server.connectionCount).toBe(0);
  });

  it('goes on serving when a socket breaks', async () => {
    const { keeper, server, socket } = inMemory();
    socket.push(get('/'));
    await until(() => keeper.requests.length === 1);
    socket.destroy(new Error('reset by peer'));
    await until(() => server.connectionCount === 0);
    expect(keeper.goneCount).toBe(1);
  });

  it('destroyed has no connection and no tick', async () => {
    const { clock, keeper, server, socket } = inMemory();
    socket.push(get('/'));
    await until(() => keeper.requests.length === 1);
    server.destroy();
    await once(socket, 'close');
    expect([server.connectionCount, clock.waitingCount, keeper.goneCount]).toEqual([0, 0, 1]);
  });
});

describe('draining', () => {
  const graceMs = 500;

  it('is over at once without connections', async () => {
    const { server, clock } = await serve();
    const drained = server.drain(graceMs);
    expect(await isOver(drained)).toBe(true);
    expect(await isOver(server.drain(graceMs))).toBe(true);
    expect(clock.waitingCount).toBe(0);
  });

  it('keeps an idle connection open for the grace, and serves requests in it', async () => {
    const { keeper, server, clock, open, asked } = await serve();
    const [idle, busy] = [await open(), await open()];
    const drained = server.drain(graceMs);
    busy.say(get('/'));
    await asked(1);
    keeper.answer('last');
    await until(() => busy.isEnded);
    expect(busy.text).toMatch(/Connection: close\r\n\r\nlast$/);
    clock.advance(graceMs - 1);
    expect([await isOver(drained), idle.isEnded]).toEqual([false, false]);
    clock.advance(1);
    await drained;
    server.destroy();
    await until(() => server.connectionCount === 0);
  });

  it('waits for requests beyond the grace, and for their answers to leave', async () => {
    const { keeper, server, clock, open, asked } = await serve();
    const client = await open();
    client.say(get('/a') + get('/b'));
    await asked(2);
    const drained = server.drain(graceMs);
    clock.advance(graceMs);
    keeper.answer('a');
    await until(() => client.bodies.length === 1);
    expect(await isOver(drained)).toBe(false);
    keeper.answer('b');
    await drained;
    await until(() => client.isEnded);
    expect(client.bodies).toEqual(['a', 'b']);
    expect(client.text.match(/Connection: [a-z-]+/g)).toEqual(['Connection: keep-alive', 'Connection: close']);
  });

  it('waits for a body that is still coming', async () => {
    const { keeper, server, clock, open, asked } = await serve();
    const client = await open();
    client.say(post('/', 'hello').slice(0, -1));
    await asked(1);
    const drained = server.drain(graceMs);
    clock.advance(graceMs);
    expect(await isOver(drained)).toBe(false);
    client.say('o');
    keeper.answer('done');
    await drained;
    await until(() => client.isEnded);
    expect(client.bodies).toEqual(['done']);
  });

  it('waits for a client that reads slowly, until it has all or is cut off', async () => {
    for (const isRead of [true, false]) {
      const { keeper, server, clock, open, asked } = await serve({ stallTimeoutMs: 5000 });
      const client = await open();
      client.socket.pause();
      client.say(get('/'));
      await asked(1);
      keeper.answer('', [large]);
      const drained = server.drain(graceMs);
      clock.advance(graceMs);
      expect(await isOver(drained)).toBe(false);
      if (isRead) client.socket.resume();
      else clock.advance(7000);
      await drained;
      if (isRead) await until(() => client.text.length > large.length);
      server.destroy();
      await until(() => server.connectionCount === 0);
    }
  });

  it('also applies to connections that arrive meanwhile', async () => {
    const { keeper, server, open, asked } = await serve();
    const first = await open();
    const drained = server.drain(graceMs);
    const second = await open();
    for (const client of [first, second]) {
      client.say(get('/'));
      await asked(1);
      keeper.answer('last');
      await until(() => client.isEnded);
      expect(client.text).toMatch(/Connection: close/);
      client.socket.end();
    }
    await drained;
    expect(server.connectionCount).toBe(0);
  });
});
