/** Reuse of the memory of a body: a block is reused only when the body can no longer be read. */

import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { growByCopy, type MessageMemory, MessagePool } from '../../../../src/frontends/message-pool.ts';
import type { InferenceRequest } from '../../../../src/inference/request.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';
import { type HttpFixture, startHttp } from '../../../fakes/http-client.ts';

class RecordingMemory implements MessageMemory {
  readonly taken: Buffer[] = [];
  readonly givenBack: Buffer[] = [];
  readonly #pool = new MessagePool();
  readonly budget = this.#pool.budget;

  take(bytes: number): Buffer {
    const block = this.#pool.take(bytes);
    this.taken.push(block);
    return block;
  }

  grow(block: Buffer, bytes: number, filled: number): Buffer {
    return growByCopy(this, block, bytes, filled);
  }

  reuse(bytes: number): Buffer | null {
    return this.#pool.reuse(bytes);
  }

  giveBack(block: Buffer): void {
    this.givenBack.push(block);
    this.#pool.giveBack(block);
  }

  /** Which of the taken blocks came back, in order: comparing their bytes would take seconds. */
  get returned(): number[] {
    return this.givenBack.map((block) => this.taken.indexOf(block));
  }
}

const binaryOutput = ',"parameters":{"binary_data_output":true}';

/** The body of a request that carries `data` behind its JSON, and the length of the JSON. */
function binaryBody(data: Buffer, more = ''): { readonly body: Buffer; readonly jsonBytes: number } {
  const parameters = { binary_data_size: data.length };
  const input = JSON.stringify({ name: 'IN', datatype: 'UINT8', shape: [data.length], parameters });
  const json = `{"inputs":[${input}]${more}}`;
  return { body: Buffer.concat([Buffer.from(json), data]), jsonBytes: json.length };
}

const head = (jsonBytes: number, more: string): string =>
  `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: ${jsonBytes}\r\n${more}\r\n\r\n`;

const announced = ({ body, jsonBytes }: ReturnType<typeof binaryBody>): Buffer =>
  Buffer.concat([Buffer.from(head(jsonBytes, `Content-Length: ${body.length}`)), body]);

describe('the memory of a body', () => {
  let http: HttpFixture;
  let memory: RecordingMemory;
  let finish: (() => void)[];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    memory = new RecordingMemory();
    finish = [];
    http = await startHttp({ memory, maxInputBytes: 1 << 20 });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    http.listening.close();
  });

  const open = (): Socket => {
    const socket = connect(http.listening.port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };

  /** Answers come when the test says so. */
  const hold = (): void => {
    const { server } = http;
    const answer = server.answer;
    server.answer = (request, context) =>
      new Promise((resolve, reject) => finish.push(() => answer(request, context).then(resolve, reject)));
  };

  const input = (request: InferenceRequest): Buffer =>
    Buffer.from(hostBytes(request.inputs[0]?.data ?? new Uint8Array()));

  it('is a block that serves the next one after a good answer', async () => {
    for (const fill of [1, 2, 3]) {
      const data = Buffer.alloc(300_000, fill);
      const { body, jsonBytes } = binaryBody(data, binaryOutput);
      const answer = await http.infer(body, { 'Inference-Header-Content-Length': String(jsonBytes) });
      expect(answer.body.subarray(-data.length).equals(data)).toBe(true);
      await expect.poll(() => memory.givenBack.length).toBe(fill);
    }
    expect(new Set(memory.taken).size).toBe(1);
  });

  it('is not used again while the batch of a caller who left may read it', async () => {
    hold();
    const leaver = open();
    const data = Buffer.alloc(300_000, 7);
    leaver.write(announced(binaryBody(data)));
    await expect.poll(() => finish.length).toBe(1);
    const { request, context } = http.server.last;
    leaver.destroy();
    await expect.poll(() => context.cancellation.cancelled).toBe(true);

    open().write(announced(binaryBody(Buffer.alloc(300_000, 8))));
    await expect.poll(() => finish.length).toBe(2);
    expect(input(request).equals(data)).toBe(true);
    finish[0]?.();
    await expect.poll(() => http.server.unreleased).toBe(0);
    expect(memory.returned).toEqual([0]);
    expect(new Set(memory.taken).size).toBe(2);
  });

  it('comes back after a failure', async () => {
    http.server.answer = () => Promise.reject(new Error('the batch failed'));
    const { body, jsonBytes } = binaryBody(Buffer.alloc(300_000));
    const answer = await http.infer(body, { 'Inference-Header-Content-Length': String(jsonBytes) });
    expect(answer.status).toBe(500);
    expect([memory.taken.length, memory.givenBack.length]).toEqual([1, 1]);
  });

  it('comes back when the connection breaks within the body', async () => {
    const socket = open();
    socket.write(announced(binaryBody(Buffer.alloc(300_000))).subarray(0, 200_000));
    await expect.poll(() => memory.taken.length).toBe(1);
    socket.destroy();
    const { body, jsonBytes } = binaryBody(Buffer.alloc(300_000));
    const answer = await http.infer(body, { 'Inference-Header-Content-Length': String(jsonBytes) });
    expect(answer.status).toBe(200);
    expect(http.server.seen).toHaveLength(1);
    await expect.poll(() => memory.givenBack.length).toBe(2);
    expect(memory.budget.totalBytes).toBe(0);
  });

  it('stays the answer’s while the client has not taken it', async () => {
    const data = Buffer.alloc(6 << 20, 5);
    const reader = open();
    reader.pause();
    const one = binaryBody(data, binaryOutput);
    reader.write(announced(one));
    await expect.poll(() => http.server.unreleased).toBe(1);
    expect(memory.returned).toEqual([]);
    const parts: Buffer[] = [];
    reader.on('data', (part) => parts.push(part));
    reader.resume();
    await expect.poll(() => memory.givenBack.length).toBe(1);
    await expect.poll(() => Buffer.concat(parts).subarray(-data.length).equals(data)).toBe(true);
  });

  it('grows with a chunked body, and only the last block is kept for the answer', async () => {
    hold();
    const data = Buffer.alloc(300_000, 3);
    const { body, jsonBytes } = binaryBody(data);
    const socket = open();
    socket.write(head(jsonBytes, 'Transfer-Encoding: chunked'));
    for (let at = 0; at < body.length; at += 10_000) {
      const chunk = body.subarray(at, at + 10_000);
      socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
    }
    socket.write('0\r\n\r\n');
    await expect.poll(() => finish.length).toBe(1);
    expect(input(http.server.last.request).equals(data)).toBe(true);
    expect(memory.taken.map(({ length }) => length)).toEqual([65_536, 131_072, 262_144, 524_288]);
    expect(memory.returned).toEqual([0, 1, 2]);
    finish[0]?.();
    await expect.poll(() => memory.returned).toEqual([0, 1, 2, 3]);
  });

  it('comes back from a chunked body that is too large', async () => {
    const socket = open();
    let text = '';
    socket.on('data', (part) => {
      text += part.toString('latin1');
    });
    socket.write('POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < 20; i++) socket.write(`10000\r\n${' '.repeat(0x10000)}\r\n`);
    socket.write('0\r\n\r\n');
    await expect.poll(() => text).toContain('exceeds the maximum allowed input size');
    expect(memory.returned).toEqual(memory.taken.map((_, at) => at));
  });

  it('comes back from a compressed body once it is unpacked', async () => {
    hold();
    const values = Array.from({ length: 60_000 }, (_, i) => (i * 7919) % 65_521);
    const json = JSON.stringify({ inputs: [{ name: 'IN', datatype: 'INT32', shape: [values.length], data: values }] });
    const packed = gzipSync(json);
    expect(packed.length).toBeGreaterThan(64 * 1024);
    const answer = http.infer(packed, { 'Content-Encoding': 'gzip' });
    await expect.poll(() => finish.length).toBe(1);
    // And what was unpacked, once its tensors are decoded.
    expect(memory.returned).toEqual([0, 1]);
    finish[0]?.();
    expect((await answer).status).toBe(200);
  });

  it('is a small block when it is small, however it comes', async () => {
    const { body, jsonBytes } = binaryBody(Buffer.alloc(64, 9));
    expect(body.length).toBeLessThan(256);
    const bytes = announced({ body, jsonBytes });
    const socket = open();
    socket.write(bytes);
    await expect.poll(() => memory.returned).toEqual([0]);
    socket.write(bytes.subarray(0, -10));
    await expect.poll(() => memory.taken.length).toBe(2);
    socket.write(bytes.subarray(-10));
    await expect.poll(() => http.server.seen.length).toBe(2);
    expect(input(http.server.last.request).equals(Buffer.alloc(64, 9))).toBe(true);
    await expect.poll(() => memory.returned).toEqual([0, 0]);
    expect(memory.taken.map(({ length }) => length)).toEqual([256, 256]);
  });
});
