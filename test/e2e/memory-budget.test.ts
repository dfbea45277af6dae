/**
 * Memory that clients can make the server hold: bodies that stop half way on one frontend thread and on two, and
 * answers that are not read on one. Memory stays near the budget, others are served, and the account is empty when the
 * clients have left.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  data,
  field,
  frameFlag,
  grpcMessage,
  headers,
  preface,
  requestBlock,
  setting,
  settings,
} from '../http2/frame-bytes.ts';
import { placeWideModel, wideInfer } from '../models/wide-model.ts';
import { Bystander, MemoryWatch } from './bystander.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const MiB = 1024 * 1024;
const budgetMiB = 96;
/**
 * Beyond the budget: buffers that are kept, garbage that the collector has not seen, and what a young heap grows by.
 */
const slackMiB = 160;
/** Two megabytes of answer for a request of some bytes. */
const wide = { name: 'wide', columns: 524_288 };
const inferText = JSON.stringify({
  inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 1], data: [1] }],
  parameters: { binary_data_output: true },
});
const infer = `POST /v2/models/${wide.name}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${inferText.length}\r\n\r\n${inferText}`;

describe.each([1, 2])('with %d frontend threads', (threads) => {
  let server: ServerProcess;
  let dispose: () => Promise<void>;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    const folder = await temporaryFolder();
    dispose = folder.dispose;
    await placeWideModel(folder.path, wide.name, wide.columns);
    server = await ServerProcess.start(folder.path, [
      `--frontend-threads=${threads}`,
      `--max-inflight-bytes=${budgetMiB * MiB}`,
    ]);
    const first = new Bystander(server.ports.grpc);
    for (let i = 0; i < 200; i++) await first.ask();
    await first.stop();
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  async function open(port: number, ...parts: readonly (string | Buffer)[]): Promise<{ socket: Socket; text: string }> {
    const socket = connect({ port, host: '127.0.0.1' });
    const client = { socket, text: '' };
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (part) => {
      if (client.text.length < 10_000) client.text += part.toString('latin1');
    });
    await once(socket, 'connect');
    for (const part of parts) socket.write(part);
    return client;
  }

  async function inflightBytes(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return Number(/^nereid_inflight_bytes (\S+)$/m.exec(text)?.[1]);
  }

  /** Memory while clients do this and stay for a moment; the account is empty when they have left. */
  async function held(act: () => Promise<void>): Promise<number> {
    const memory = new MemoryWatch(server.pid);
    const bystander = new Bystander(server.ports.grpc);
    bystander.start();
    let grownMiB: number;
    try {
      await act();
      await sleep(1500);
      expect(await inflightBytes()).toBeLessThanOrEqual((budgetMiB + 8) * MiB);
    } finally {
      grownMiB = memory.stop();
      for (const socket of sockets.splice(0)) socket.destroy();
    }
    expect(await bystander.stop()).toBeGreaterThan(0);
    await expect.poll(inflightBytes).toBe(0);
    const answer = await fetch(`${server.url}/v2/models/${wide.name}/infer`, { method: 'POST', body: inferText });
    expect([answer.status, (await answer.arrayBuffer()).byteLength > 2 * MiB]).toEqual([200, true]);
    return grownMiB;
  }

  const upload = (bytes: number): string =>
    `POST /v2/models/${wide.name}/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 10\r\nContent-Length: ${bytes}\r\n\r\n`;

  it('refuses bodies that are larger than the budget at their head', async () => {
    const clients: { text: string }[] = [];
    const grownMiB = await held(async () => {
      for (let i = 0; i < 6; i++)
        clients.push(await open(server.ports.http, upload(1536 * MiB), Buffer.alloc(32 * MiB)));
      await expect.poll(() => clients.filter(({ text }) => text.startsWith('HTTP/1.1 413')).length).toBe(6);
    });
    expect(grownMiB).toBeLessThan(slackMiB);
  });

  it('holds no more than the budget of bodies that stop half way', async () => {
    const clients: { text: string }[] = [];
    const grownMiB = await held(async () => {
      for (let i = 0; i < 12; i++)
        clients.push(await open(server.ports.http, upload(60 * MiB), Buffer.alloc(30 * MiB)));
      await expect.poll(() => clients.some(({ text }) => text.startsWith('HTTP/1.1 503'))).toBe(true);
    });
    expect(grownMiB).toBeLessThan(budgetMiB + slackMiB);
  });

  it('holds no more than the budget of gRPC messages that stop half way', async () => {
    const part = grpcMessage(Buffer.alloc(24 * MiB), 48 * MiB);
    const grownMiB = await held(async () => {
      for (let i = 0; i < 8; i++) {
        const block = requestBlock('/inference.GRPCInferenceService/ModelInfer');
        const { socket } = await open(server.ports.grpc, preface, settings(), headers(1, block));
        // The windows of the server let 16 MiB through, then more as it takes what has come.
        for (let at = 0; at < part.length; at += 16_384) {
          if (!socket.write(data(1, part.subarray(at, at + 16_384))))
            await Promise.race([once(socket, 'drain'), sleep(200)]);
          if (at > 900_000 && at % MiB < 16_384) await sleep(2);
        }
      }
    });
    expect(grownMiB).toBeLessThan(budgetMiB + slackMiB);
  });

  it.runIf(threads === 1)('holds no more than the budget of header blocks', async () => {
    const values = Array.from({ length: 3 }, (_, i) => field(`x-${i}`, 'v'.repeat(4000)));
    const block = requestBlock('/inference.GRPCInferenceService/ModelInfer', ...values);
    const grownMiB = await held(async () => {
      for (let i = 0; i < 40; i++) {
        const { socket } = await open(server.ports.grpc, preface, settings());
        for (let call = 0; call < 1000; call++) {
          if (!socket.write(headers(2 * call + 1, block))) await Promise.race([once(socket, 'drain'), sleep(200)]);
        }
      }
    });
    expect(grownMiB).toBeLessThan(budgetMiB + slackMiB);
  });

  it.runIf(threads === 1)('holds no more than the budget of pipelined answers that nobody reads', async () => {
    const grownMiB = await held(async () => {
      for (let i = 0; i < 100; i++) (await open(server.ports.http, infer.repeat(20))).socket.pause();
    });
    expect(grownMiB).toBeLessThan(budgetMiB + slackMiB);
  });

  it.runIf(threads === 1)('holds no more than the budget of answers for which no window is opened', async () => {
    const block = requestBlock('/inference.GRPCInferenceService/ModelInfer');
    const message = grpcMessage(wideInfer(wide.name));
    const grownMiB = await held(async () => {
      for (let i = 0; i < 4; i++) {
        const calls = Array.from({ length: 200 }, (_, call) => [
          headers(2 * call + 1, block),
          data(2 * call + 1, message, frameFlag.endStream),
        ]).flat();
        await open(server.ports.grpc, preface, settings([setting.initialWindowSize, 0]), ...calls);
      }
    });
    expect(grownMiB).toBeLessThan(budgetMiB + slackMiB);
  });
});
