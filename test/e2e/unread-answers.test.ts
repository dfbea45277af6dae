/**
 * Clients that ask for large answers and do not read them: the server's memory stays near `--max-inflight-bytes`,
 * however many connections they have, others are answered, and all of it is given back when they leave.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestBlock, setting, unaryCall } from '../http2/frame-bytes.ts';
import { RawConnection } from '../http2/raw-connection.ts';
import { wideInfer } from '../models/wide-model.ts';
import { AttackedServer } from './attacked-server.ts';
import { frontendThreadCounts } from './frontend-thread-counts.ts';

const mib = 2 ** 20;
const limitMiB = 96;
/** From here on memory is short: three quarters of the limit. */
const shortMiB = 72;
/** The limit; slabs of a batch, idle pages of each thread, what V8 has not collected. */
const allowedMiB = limitMiB + 192;

/** Answers of 2 MiB: what each attack asks for is several times what is allowed. */
const wide = { name: 'wide', columns: 524_288 };
const narrow = { name: 'narrow', columns: 64 };

const inferBlock = requestBlock('/inference.GRPCInferenceService/ModelInfer');

const inferText = (model: string): string => {
  const inputs = [{ name: 'INPUT', datatype: 'FP32', shape: [1, 1], data: [1] }];
  const body = JSON.stringify({ inputs, parameters: { binary_data_output: true } });
  return `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

/** A connection that reads nothing. */
async function deafConnection(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect');
  return socket;
}

describe.each(frontendThreadCounts('1,2'))('answers that nobody reads, with %d frontend threads', (threads) => {
  let server: AttackedServer;

  beforeAll(async () => {
    server = await AttackedServer.start([wide, narrow], threads, [`--max-inflight-bytes=${limitMiB * mib}`]);
    for (let i = 0; i < 20; i++) expect(await ask(wide.name)).toBe(200);
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  /** One request on a connection of its own, whose answer is read. */
  async function ask(model: string): Promise<number> {
    const inputs = [{ name: 'INPUT', datatype: 'FP32', shape: [1, 1], data: [1] }];
    const answer = await fetch(`http://127.0.0.1:${server.httpPort}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { Connection: 'close' },
      body: JSON.stringify({ inputs, parameters: { binary_data_output: true } }),
      signal: AbortSignal.timeout(20_000),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  /** Bytes that the server says are taken. */
  async function inflightBytes(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
    return Number(/^nereid_inflight_bytes (\S+)/m.exec(text)?.[1]);
  }

  /** Attacks, asks for something small all the while, and leaves. */
  async function expectBounded(attack: () => Promise<() => void>, whileItLasts: () => Promise<void>): Promise<void> {
    const { served, grownMiB } = await server.under(async () => {
      const leave = await attack();
      try {
        await whileItLasts();
        // How many answers wait and how many were refused is a matter of time; one that waits is 2 MiB.
        await expect.poll(inflightBytes).toBeGreaterThan(mib);
        expect(await inflightBytes(), 'bytes that are taken').toBeLessThan(limitMiB * 1.1 * mib);
      } finally {
        leave();
      }
    });
    expect(served, 'calls of another connection meanwhile').toBeGreaterThan(0);
    expect(grownMiB, 'MiB that the server grew').toBeLessThan(allowedMiB);
    await expect.poll(inflightBytes).toBe(0);
    expect(await ask(wide.name), 'a large answer afterwards').toBe(200);
  }

  /** A few connections have a share of the memory, however many of their answers are made at once. */
  async function othersAreServed(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      expect(await ask(narrow.name), 'the status of another one’s request').toBe(200);
      await sleep(50);
    }
  }

  /** Many connections fill it: that is told at once. */
  async function othersAreRefusedAtMost(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      expect([200, 503], 'the status of another one’s request').toContain(await ask(narrow.name));
      await sleep(50);
    }
  }

  it('over gRPC, on connections without a window', async () => {
    const perConnection = 150;
    await expectBounded(async () => {
      const connections = await Promise.all(
        Array.from({ length: 4 }, () => RawConnection.open(server.port, [setting.initialWindowSize, 0])),
      );
      const message = wideInfer(wide.name);
      await Promise.all(
        connections.map((one) => one.flood(perConnection, (i) => unaryCall(2 * i + 1, inferBlock, message))),
      );
      return () => {
        for (const connection of connections) connection.destroy();
      };
    }, othersAreServed);
  });

  it('over HTTP, on many connections with pipelined requests', async () => {
    await expectBounded(async () => {
      const sockets: Socket[] = [];
      const text = inferText(wide.name).repeat(10);
      for (let i = 0; i < 60; i++) {
        const socket = await deafConnection(server.httpPort);
        socket.write(text);
        sockets.push(socket);
      }
      return () => {
        for (const socket of sockets) socket.destroy();
      };
    }, othersAreRefusedAtMost);
  });

  it('over HTTP, until the connections are closed because memory is short', async () => {
    const sockets: Socket[] = [];
    try {
      for (let i = 0; i < 60; i++) {
        const socket = await deafConnection(server.httpPort);
        socket.write(inferText(wide.name).repeat(4));
        sockets.push(socket);
      }
      await expect.poll(inflightBytes, { timeout: 60_000 }).toBeGreaterThan(shortMiB * mib);
      // Each thread closes its own, and none any more once memory is not short.
      await expect.poll(inflightBytes, { timeout: 60_000 }).toBeLessThan(shortMiB * mib);
      expect(await ask(wide.name)).toBe(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await expect.poll(inflightBytes).toBe(0);
  });
});
