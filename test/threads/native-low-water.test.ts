/** Large messages over real sockets whose reads wait for more: whole, in order, and nothing behind them is kept waiting. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpFrontend } from '../../src/frontends/http/http-frontend.ts';
import type { Listening } from '../../src/frontends/frontend.ts';
import { silentLogger } from '../../src/logger.ts';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';
import { wantedBytes } from '../../src/sockets/receive-low-water.ts';
import { systemClock } from '../../src/time.ts';
import { FakeInferenceServer } from '../fakes/fake-inference-server.ts';

const native = loadNativeThreads();

let server: FakeInferenceServer;
let listening: Listening;
let marks: number[];
const sockets: Socket[] = [];

beforeEach(async () => {
  server = new FakeInferenceServer();
  marks = [];
  listening = await createHttpFrontend({
    server,
    clock: systemClock,
    logger: silentLogger,
    config: {
      listen: { host: '127.0.0.1', port: 0 },
      transport: 'nereid',
      maxInputBytes: 2 ** 26,
      headerForwardPattern: null,
      restrictions: [],
    },
    socketCalls: {
      setReceiveLowWater(fd, bytes) {
        marks.push(bytes);
        native.setReceiveLowWater(fd, bytes);
      },
      sendNow: native.sendNow,
    },
  }).start();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  listening.close();
});

/** A request with that many bytes, which count up from `seed`. */
function request(bytes: number, seed: number): Buffer {
  const data = Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i + seed));
  const input = { name: 'IN', datatype: 'UINT8', shape: [bytes], parameters: { binary_data_size: bytes } };
  const json = JSON.stringify({ inputs: [input], outputs: [{ name: 'IN', parameters: { binary_data: true } }] });
  const head =
    'POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n' +
    `Inference-Header-Content-Length: ${json.length}\r\nContent-Length: ${json.length + bytes}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head + json), data]);
}

async function opened(): Promise<{ readonly socket: Socket; readonly received: () => Buffer }> {
  const socket = connect(listening.port, '127.0.0.1');
  sockets.push(socket);
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  await once(socket, 'connect');
  socket.setNoDelay(true);
  return { socket, received: () => Buffer.concat(parts) };
}

const seen = (count: number) => expect.poll(() => server.seen.length, { timeout: 10_000 }).toBe(count);

describe('a socket that waits for more', () => {
  it('brings large and small requests whole, however they are written', async () => {
    const { socket, received } = await opened();
    const bodies = [600_000, 10, 70_000, 1, 300_000];
    for (const [i, bytes] of bodies.entries()) {
      const sent = request(bytes, i);
      for (let at = 0; at < sent.length; at += 16_384) {
        socket.write(sent.subarray(at, at + 16_384));
        if (i % 2 === 0) await new Promise(setImmediate);
      }
    }
    await seen(bodies.length);
    for (const [i, { request: got }] of server.seen.entries()) {
      const { data } = got.inputs[0] as { readonly data: Uint8Array };
      expect([data.length, data[0], data.at(-1)]).toEqual([
        bodies[i],
        i & 0xff,
        ((bodies[i] as number) - 1 + i) & 0xff,
      ]);
    }
    await expect.poll(() => received().toString('latin1').split('HTTP/1.1 200').length - 1).toBe(bodies.length);
    expect(Math.max(...marks)).toBeGreaterThan(100_000);
    expect(marks.at(-1)).toBe(1);
  });

  it('hears a request whose sender pauses in the middle, and the next one', async () => {
    const { socket } = await opened();
    const sent = request(600_000, 1);
    socket.write(sent.subarray(0, 20_000));
    await expect.poll(() => marks).toEqual([wantedBytes, 1]);
    socket.write(sent.subarray(20_000, 20_100));
    await sleep(20);
    socket.write(sent.subarray(20_100));
    await seen(1);
    socket.write(request(5, 2));
    await seen(2);
  });

  it('notices a client that leaves in the middle', async () => {
    const { socket } = await opened();
    socket.write(request(600_000, 1).subarray(0, 30_000));
    await expect.poll(() => marks.length).toBeGreaterThan(0);
    socket.destroy();
    const { socket: next } = await opened();
    next.write(request(5, 2));
    await seen(1);
    await listening.drain();
  });
});
