/** Messages that are larger than any block that is used again: answered right, also beside callers who leave. */

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const count = 18 * 1024 * 1024;
const bytes = count * 4;

/** FP32 [n] → the largest and smallest element, after work on all of them that takes longer than a caller waits. */
const slowExtremes = model({
  nodes: [
    node('Tanh', ['INPUT'], ['a']),
    node('Atanh', ['a'], ['b']),
    node('ReduceMax', ['b'], ['MAX']),
    node('ReduceMin', ['b'], ['MIN']),
  ],
  inputs: [valueInfo('INPUT', tensorType(elem.float, ['n']))],
  outputs: ['MAX', 'MIN'].map((name) => valueInfo(name, tensorType(elem.float, [1]))),
});

const json = JSON.stringify({
  inputs: [{ name: 'INPUT', shape: [count], datatype: 'FP32', parameters: { binary_data_size: bytes } }],
});

/** Elements between two values; both are there once. */
function elements(low: number, high: number): Buffer {
  const values = new Float32Array(count).fill((low + high) / 2);
  values[count - 1] = low;
  values[count >> 1] = high;
  return Buffer.from(values.buffer);
}

/** Also resolves when the connection ends. */
async function drained(socket: Socket): Promise<void> {
  const ended = new AbortController();
  const { signal } = ended;
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  ended.abort();
}

describe.each([1, 2])('a message of 72 MiB, with %d frontend threads', (threads) => {
  let server: ServerProcess;
  let dispose: () => Promise<void>;

  beforeAll(async () => {
    const folder = await temporaryFolder();
    dispose = folder.dispose;
    await mkdir(join(folder.path, 'slow/1'), { recursive: true });
    await writeFile(join(folder.path, 'slow/1/model.onnx'), slowExtremes);
    server = await ServerProcess.start(folder.path, [`--frontend-threads=${threads}`]);
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  /** Sends a request; resolves when all of it has been given to the system. */
  async function send(data: Buffer, isChunked: boolean): Promise<{ socket: Socket; text: () => string }> {
    const socket = connect(server.ports.http, '127.0.0.1');
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (part) => {
      text += part.toString('latin1');
    });
    const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${json.length + bytes}`;
    socket.write(
      `POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: ${json.length}\r\n`,
    );
    socket.write(`${length}\r\n\r\n`);
    for (const part of [Buffer.from(json), data]) {
      for (let at = 0; at < part.length; at += 4_000_000) {
        const piece = part.subarray(at, at + 4_000_000);
        if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`);
        const isTaken = socket.write(piece);
        if (isChunked) socket.write('\r\n');
        if (!isTaken) await drained(socket);
      }
    }
    if (isChunked) socket.write('0\r\n\r\n');
    return { socket, text: () => text };
  }

  async function extremes(low: number, high: number, isChunked: boolean): Promise<unknown[]> {
    const { socket, text } = await send(elements(low, high), isChunked);
    await expect.poll(text, { timeout: 30_000 }).toMatch(/^HTTP\/1\.1 \d{3} .*\r\n\r\n.*\}$/s);
    socket.destroy();
    const [, status, body] = /^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n(.*)$/s.exec(text()) ?? [];
    const { outputs } = JSON.parse(body ?? '') as { outputs: { data: number[] }[] };
    return [status, ...outputs.map(({ data }) => data[0]?.toFixed(3))];
  }

  it.each([
    ['announced', false],
    ['in chunks', true],
  ])('is answered, %s', async (_, isChunked) => {
    expect(await extremes(-0.5, 0.25, isChunked)).toEqual(['200', '0.250', '-0.500']);
  });

  it('is answered right while callers of others leave at any moment of their batches', async () => {
    for (const [round, leavesAfterMs] of [0, 20, 60, 120, 250].entries()) {
      const leaver = await send(elements(-0.9, 0.9), round % 2 === 0);
      await sleep(leavesAfterMs);
      leaver.socket.destroy();
      expect(await extremes(-0.1 * round, 0.3, round % 2 === 1)).toEqual(['200', '0.300', (-0.1 * round).toFixed(3)]);
    }
    const metrics = async () => (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^nereid_inflight_bytes 0$/m);
  });
});
