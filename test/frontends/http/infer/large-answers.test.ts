/** Large answers in JSON, which leave while they are made, over real connections. */

import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MessagePool } from '../../../../src/frontends/message-pool.ts';
import { output } from '../../../fakes/fake-inference-server.ts';
import { type HttpFixture, json, startHttp, tensor } from '../../../fakes/http-client.ts';

const memory = new MessagePool();
let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp({ memory });
});
afterAll(() => http.listening.close());

/** Lets the model answer with so many floats. */
function answerWith(count: number): Float32Array {
  const values = Float32Array.from({ length: count }, (_, i) => i / 3);
  http.server.answer = async (request) =>
    http.server.respond(request, [
      output({ name: 'Y', datatype: 'FP32', shape: [count], data: new Uint8Array(values.buffer) }),
    ]);
  return values;
}

const body = JSON.stringify(tensor('INT32', [1]));
const post = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const connected = (): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(http.listening.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
  });

describe('a large answer in JSON', () => {
  it('comes in chunks and is whole, whatever its size', async () => {
    const values = answerWith(500_000);
    const answer = await http.infer(tensor('INT32', [1]));
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    const { data } = json(answer).outputs[0];
    expect(data).toHaveLength(values.length);
    expect(Buffer.from(Float32Array.from(data).buffer).equals(Buffer.from(values.buffer))).toBe(true);
    expect(http.server.unreleased).toBe(0);
  });

  it.each(['gzip', 'identity'])(
    'is not begun in the turn in which those of a whole batch come, in %s',
    async (coding) => {
      answerWith(500_000);
      const { infer } = http.server;
      const taken: number[] = [];
      Object.assign(http.server, {
        infer: (...[request, context, sink]: Parameters<typeof infer>) =>
          infer(request, context, {
            next: (response, isFinal) => {
              const before = memory.budget.totalBytes;
              sink.next(response, isFinal);
              taken.push(memory.budget.totalBytes - before);
            },
            fail: (error) => sink.fail(error),
          }),
      });
      try {
        const answer = await http.infer(tensor('INT32', [1]), { 'Accept-Encoding': coding });
        expect([answer.status, answer.headers['content-encoding'] ?? 'identity']).toEqual([200, coding]);
      } finally {
        Object.assign(http.server, { infer });
      }
      expect(taken).toEqual([0]);
      expect(memory.budget.totalBytes).toBe(0);
    },
  );

  it('is held for a client that does not read, who does not hold up others', async () => {
    answerWith(4_000_000);
    const slow = await connected();
    slow.pause();
    slow.write(post);
    await until(() => http.server.unreleased === 1, 'the slow answer to begin');
    expect(memory.budget.totalBytes).toBeGreaterThanOrEqual(16_000_000);
    answerWith(3);
    expect((await http.infer(tensor('INT32', [1]))).status).toBe(200);
    expect(http.server.unreleased).toBe(1);
    let received = 0;
    let end = '';
    slow.on('data', (chunk) => {
      received += chunk.length;
      end = (end + chunk.toString('latin1')).slice(-10);
    });
    slow.resume();
    await until(() => end.endsWith('\r\n0\r\n\r\n'), 'the rest of the slow answer');
    expect(received).toBeGreaterThan(20_000_000);
    expect(http.server.unreleased).toBe(0);
    slow.destroy();
  });

  it('is let go when its client leaves', async () => {
    answerWith(4_000_000);
    const leaving = await connected();
    leaving.pause();
    leaving.write(post);
    await until(() => http.server.unreleased === 1, 'the answer to begin');
    leaving.destroy();
    await until(() => http.server.unreleased === 0, 'its release');
    await until(() => memory.budget.totalBytes === 0, 'the end of its account');
    answerWith(3);
    expect((await http.infer(tensor('INT32', [1]))).status).toBe(200);
  });

  it('leaves its connection to the next request', async () => {
    answerWith(100_000);
    const socket = await connected();
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write(post + post);
    await until(() => text.match(/\r\n0\r\n\r\n/g)?.length === 2, 'both answers');
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    socket.destroy();
  });
});
