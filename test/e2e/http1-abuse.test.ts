/**
 * Attacks of a hostile HTTP/1.1 client on the HTTP port, and their limits. Every attack is bounded; each test asks that
 * the server reacts as it should, that its memory stays within a stated bound, and that others are served all the while
 * and afterwards.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeWideModel } from '../models/wide-model.ts';
import { Bystander, MemoryWatch, processorMs } from './bystander.ts';
import { frontendThreadCounts, frontendThreads } from './frontend-thread-counts.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

/** Growth allowed where nothing ought to be kept; a young heap moves by a few tens of MiB anyway. */
const flatMiB = 48;
/** Of those who wait for an answer; a busy machine takes its time. */
const patienceMs = 20_000;
/** Small, so that the answer to a flood is read before much of the flood is under way. */
const partBytes = 16_384;

const wide = { name: 'wide', columns: 65_536 };
const live = 'GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n';
const inferText = JSON.stringify({ inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 1], data: [1] }] });
const inferHead = (more: string): string => `POST /v2/models/${wide.name}/infer HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const infer = `${inferHead(`Content-Length: ${inferText.length}\r\n`)}${inferText}`;
const chunkedInfer = inferHead('Transfer-Encoding: chunked\r\n');

let server: ServerProcess;
let dispose: () => Promise<void>;

/** A client that writes any bytes and keeps the beginning of what comes back. Every wait is bounded. */
class Attacker {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      if (this.text.length < 100_000) this.text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.isClosed = true;
      });
    }
  }

  static async open(): Promise<Attacker> {
    const socket = connect({ port: server.ports.http, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Attacker(socket);
  }

  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
  }

  say(text: string): boolean {
    return this.socket.write(text, 'latin1');
  }

  /**
   * Says the text up to `count` times, until the server closes or takes nothing for `blockedMs`. Resolves to how many
   * times it was handed over.
   */
  async flood(text: string, count: number, blockedMs = 1000): Promise<number> {
    const perPart = Math.max(1, Math.floor(partBytes / text.length));
    const part = text.repeat(perPart);
    let said = 0;
    for (; said < count && !this.isClosed; said += perPart) {
      if (!this.say(part) && !(await this.#isDrained(blockedMs))) break;
      await new Promise(setImmediate);
    }
    return said;
  }

  async closedWithin(ms = patienceMs): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!this.isClosed && Date.now() < deadline) await sleep(10);
    return this.isClosed;
  }

  async expectRefused(status: number): Promise<void> {
    expect(await this.closedWithin(), 'closed').toBe(true);
    expect(this.statuses).toEqual([status]);
    this.socket.destroy();
  }

  async #isDrained(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.socket.writableNeedDrain && !this.isClosed && Date.now() < deadline) await sleep(5);
    return !this.socket.writableNeedDrain && !this.isClosed;
  }
}

/** One request over a connection of its own; rejects unless it is answered in time. */
async function served(): Promise<void> {
  const { status } = await fetch(`${server.url}/v2/health/live`, {
    headers: { Connection: 'close' },
    signal: AbortSignal.timeout(patienceMs),
  });
  if (status !== 200) throw new Error(`live is ${status}`);
}

/** Runs an attack while clients of both protocols ask again and again, and holds the server's memory to the bound. */
async function attack(growthMiB: number, act: () => Promise<void>): Promise<void> {
  const bystander = new Bystander(server.ports.grpc);
  await bystander.ask();
  const memory = new MemoryWatch(server.pid);
  bystander.start();
  let isOver = false;
  let count = 0;
  const asking = (async () => {
    for (; !isOver; count++) {
      await served();
      await sleep(10);
    }
  })();
  asking.catch(() => undefined);
  let grownMiB: number;
  try {
    await act();
  } finally {
    isOver = true;
    grownMiB = memory.stop();
    await asking;
    await bystander.stop();
  }
  await served();
  expect(count, 'requests of others meanwhile').toBeGreaterThan(0);
  expect(grownMiB, 'MiB that the server grew').toBeLessThan(growthMiB);
}

async function openAll(count: number, text: string): Promise<Attacker[]> {
  const all: Attacker[] = [];
  for (let i = 0; i < count; i++) {
    const one = await Attacker.open();
    one.say(text);
    all.push(one);
  }
  return all;
}

const leaveAll = (all: readonly Attacker[]): void => {
  for (const { socket } of all) socket.destroy();
};

describe.each(frontendThreadCounts('1,2'))('with %d frontend threads', (threads) => {
  beforeAll(async () => {
    const folder = await temporaryFolder();
    dispose = folder.dispose;
    await placeWideModel(folder.path, wide.name, wide.columns);
    server = await ServerProcess.start(folder.path, [frontendThreads(threads)]);
    // Before the first attack, so that the growth of a young heap is not taken for its doing.
    for (let i = 0; i < 100; i++) await served();
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  describe('a head', () => {
    it.each([
      ['of endless lines', 'GET / HTTP/1.1\r\n', 'X: y\r\n', 431],
      ['of one endless line', 'GET / HTTP/1.1\r\nX: ', 'a'.repeat(100), 431],
      ['of an endless target', 'GET /', 'a'.repeat(100), 431],
      ['behind endless empty lines', '', '\r\n', 431],
    ])('%s is refused after 16 KiB', async (_, beginning, more, status) => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        client.say(beginning);
        const said = await client.flood(more, 5_000_000 / more.length);
        await client.expectRefused(status);
        expect(said * more.length).toBeLessThan(5_000_000);
      });
    });

    it('that comes byte by byte on many connections costs little', async () => {
      await attack(flatMiB, async () => {
        const clients = await openAll(300, 'G');
        for (const character of 'ET /v2 HTTP/1.1\r\nHost: x\r\nX: abcdefghijklmnopqrstuvwxyz') {
          for (const client of clients) client.say(character);
          await sleep(2);
        }
        for (const client of clients) client.say('\r\n\r\n');
        await expect
          .poll(() => clients.every(({ statuses }) => statuses[0] === 200), { timeout: patienceMs })
          .toBe(true);
        leaveAll(clients);
      });
    });

    it('of which only half comes holds no more than that half on many connections', async () => {
      await attack(64, async () => {
        const clients = await openAll(1000, `GET / HTTP/1.1\r\nX: ${'a'.repeat(12_000)}`);
        await sleep(300);
        expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
        leaveAll(clients);
      });
    });

    it('full of blanks costs no time', async () => {
      await attack(flatMiB, async () => {
        const before = processorMs(server.pid);
        const client = await Attacker.open();
        const head = `GET /v2/health/live HTTP/1.1\r\nHost: x\r\nX: a${' '.repeat(16_000)}b\r\n\r\n`;
        client.say(head.repeat(40));
        await expect.poll(() => client.statuses.length, { timeout: patienceMs }).toBe(40);
        // Eight seconds where each blank is looked at from each other.
        expect(processorMs(server.pid) - before).toBeLessThan(3000);
        client.socket.destroy();
      });
    });

    it('of other protocols is refused at once', async () => {
      await attack(flatMiB, async () => {
        for (const text of ['\x16\x03\x01\x02\0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\0', 'SSH-2.0-x\r\n\r\n']) {
          const client = await Attacker.open();
          client.say(text);
          expect(await client.closedWithin(), JSON.stringify(text)).toBe(true);
          expect([400, 505]).toContain(client.statuses[0]);
          client.socket.destroy();
        }
      });
    });
  });

  describe('a body', () => {
    it('in chunks of one byte is taken, and costs no more than its bytes', async () => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        client.say(chunkedInfer);
        for (let i = 0; i < 100; i++) {
          if (!client.say('1\r\n \r\n'.repeat(5000))) await once(client.socket, 'drain');
        }
        client.say(`${inferText.length.toString(16)}\r\n${inferText}\r\n0\r\n\r\n`);
        await expect.poll(() => client.statuses, { timeout: patienceMs }).toEqual([200]);
        client.socket.destroy();
      });
    });

    it.each([
      ['extensions', '1;name=value\r\n \r\n', 413],
      ['names of extensions', '1;aaaaaaaaaaaaaaaa', 413],
      ['digits of a size', '0', 413],
    ])('with endless %s is refused', async (_, piece, status) => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        client.say(chunkedInfer);
        await client.flood(piece, 5_000_000 / piece.length);
        await client.expectRefused(status);
      });
    });

    it('with endless trailers is refused', async () => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        client.say(`${chunkedInfer}0\r\n`);
        await client.flood('X: y\r\n', 1_000_000);
        await client.expectRefused(431);
      });
    });

    it.each([
      ['60 MB', 'Content-Length: 60000000\r\n'],
      ['2 GB', 'Content-Length: 2000000000\r\n'],
      ['a chunk of 16 TB', 'Transfer-Encoding: chunked\r\n'],
    ])('announced with %s of which nothing comes reserves nothing', async (_, header) => {
      await attack(64, async () => {
        const start = header.startsWith('T') ? 'fffffffffff\r\n' : '';
        const clients = await openAll(300, inferHead(header) + start);
        await sleep(300);
        expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
        leaveAll(clients);
      });
    });

    it('larger than any that is read is refused by its length', async () => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        client.say(inferHead('Content-Length: 9000000000000000\r\n'));
        await client.flood('x'.repeat(1000), 20_000);
        await client.expectRefused(400);
      });
    });
  });

  describe('a client that reads no answers', () => {
    it.each([
      ['requests', live, 400_000, 64],
      ['requests that are not served', 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n', 400_000, 64],
      ['inferences whose answers are large', infer, 40_000, 256],
    ])('is not read any more in a flood of %s', async (_, text, count, growthMiB) => {
      await attack(growthMiB, async () => {
        const client = await Attacker.open();
        client.socket.pause();
        const said = await client.flood(text, count);
        expect(said, 'requests that were taken').toBeLessThan(count);
        client.socket.destroy();
      });
    });

    it('holds one large answer on each of some connections, and gives all back when it leaves', async () => {
      await attack(128, async () => {
        const clients = await openAll(50, infer.repeat(4));
        for (const { socket } of clients) socket.pause();
        await sleep(1000);
        leaveAll(clients);
        await sleep(100);
      });
    });
  });

  describe('a flood', () => {
    it('of pipelined requests is answered, each in its turn', async () => {
      await attack(flatMiB, async () => {
        const client = await Attacker.open();
        let answers = 0;
        let rest = '';
        client.socket.on('data', (chunk) => {
          const parts = (rest + chunk.toString('latin1')).split('HTTP/1.1 200 OK');
          answers += parts.length - 1;
          rest = (parts.at(-1) as string).slice(-14);
        });
        const said = await client.flood(live, 20_000, patienceMs);
        // However long it takes, as long as it goes on: each asks another thread when frontends have threads.
        for (let before = -1; before < answers && answers < said; ) {
          before = answers;
          for (let waitedMs = 0; answers === before && waitedMs < patienceMs; waitedMs += 10) await sleep(10);
        }
        expect(answers).toBe(said);
        client.socket.destroy();
      });
    });

    it('of connections that say nothing, or half of something, leaves room for others', async () => {
      await attack(flatMiB, async () => {
        const clients = await openAll(1000, '');
        for (const [i, client] of clients.entries()) if (i % 2 === 0) client.say('\r\n\r');
        leaveAll(clients);
        for (let i = 0; i < 1000; i++) leaveAll(await openAll(1, infer));
      });
    });

    it('of refusals costs nothing that stays', async () => {
      await attack(flatMiB, async () => {
        for (let i = 0; i < 200; i++) {
          const client = await Attacker.open();
          client.say('NONSENSE\n');
          await client.expectRefused(400);
        }
      });
    });
  });
});
