/** Clients that break off, send invalid bytes after a request, upload in pieces, or do not read. */

import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferenceResponse } from '../../../../src/inference/response.ts';
import { output } from '../../../fakes/fake-inference-server.ts';
import { type HttpFixture, json, startHttp, tensor, transportUnderTest } from '../../../fakes/http-client.ts';

const limit = 1 << 20;
let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp({ maxInputBytes: limit });
});
afterAll(() => http.listening.close());

const head = (headers: string): string => `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`;
const post = (body: string): string => head(`Content-Length: ${Buffer.byteLength(body)}`) + body;
const good = JSON.stringify(tensor('INT32', [7]));

/** Statuses in the order in which they came. */
const statuses = (text: string): number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));

function open(): { readonly socket: Socket; readonly text: () => string } {
  const socket = connect({ host: '127.0.0.1', port: http.listening.port });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  return { socket, text: () => text };
}

/** Holds the next answer back until `finish` is called. */
function held(respond: (finish: () => void) => InferenceResponse): { finish: () => void } {
  const holder = { finish: (): void => undefined };
  const { server } = http;
  const before = server.answer;
  server.answer = () =>
    new Promise((resolve) => {
      server.answer = before;
      holder.finish = () => resolve(respond(holder.finish));
    });
  return holder;
}

describe('a connection', () => {
  it('gets the answers that are due before it is refused for what follows them', async () => {
    const seenBefore = http.server.seen.length;
    const holder = held(() => http.server.respond(http.server.last.request, []));
    const { socket, text } = open();
    socket.write(`${post(good)}NONSENSE\r\n\r\n`);
    await expect.poll(() => http.server.seen.length).toBe(seenBefore + 1);
    expect(text()).toBe('');
    holder.finish();
    await expect.poll(() => statuses(text())).toEqual([200, 400]);
    await expect.poll(() => socket.closed).toBe(true);
  });

  it('is refused in place of the answer when a chunked body turns into nonsense', async () => {
    const { socket, text } = open();
    socket.write(`${head('Transfer-Encoding: chunked')}2\r\n{"\r\nzz\r\n`);
    await expect.poll(() => socket.closed).toBe(true);
    expect(statuses(text())).toEqual([400]);
    expect(text()).toContain('{"error":"the request is not valid HTTP/1.1');
  });

  it('may send a body in any pieces, announced or chunked', async () => {
    const { socket, text } = open();
    for (const byte of post(good)) socket.write(byte);
    await expect.poll(() => statuses(text())).toEqual([200]);
    const chunks = [...good].map((byte) => `1\r\n${byte}\r\n`).join('');
    socket.write(`${head('Transfer-Encoding: chunked')}${chunks}0\r\n\r\n`);
    await expect.poll(() => statuses(text())).toEqual([200, 200]);
    socket.destroy();
  });

  it('stays usable after a chunked body that was too large', async () => {
    const { socket, text } = open();
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    socket.write(`${head('Transfer-Encoding: chunked')}${chunk.repeat(20)}0\r\n\r\n${post(good)}`);
    await expect.poll(() => statuses(text())).toEqual([400, 200]);
    expect(text()).toContain(`exceeds the maximum allowed input size of ${limit} bytes`);
    socket.destroy();
  });

  it('is closed at once after a body announced larger than any that is read', async () => {
    const { socket, text } = open();
    socket.write(head('Content-Length: 9000000000000'));
    await expect.poll(() => socket.closed).toBe(true);
    expect(statuses(text())).toEqual([400]);
    expect(text()).toMatch(/Connection: close/i);
  });

  it('is told to go on with a body before it is sent', async () => {
    const { socket, text } = open();
    socket.write(head(`Expect: 100-continue\r\nContent-Length: ${good.length}`));
    await expect.poll(() => statuses(text())).toEqual([100]);
    socket.write(good);
    await expect.poll(() => statuses(text())).toEqual([100, 200]);
    socket.destroy();
  });

  it('cancels what it left behind, pipelined requests too', async () => {
    const { server } = http;
    const before = server.answer;
    const seenBefore = server.seen.length;
    const finish: (() => void)[] = [];
    server.answer = (request) => new Promise((resolve) => finish.push(() => resolve(server.respond(request, []))));
    const { socket } = open();
    socket.write(post(good) + post(good));
    await expect.poll(() => server.seen.length).toBe(seenBefore + 2);
    socket.destroy();
    const left = server.seen.slice(seenBefore);
    await expect.poll(() => left.every(({ context }) => context.cancellation.cancelled)).toBe(true);
    server.answer = before;
    for (const done of finish) done();
    await expect.poll(() => server.unreleased).toBe(0);
  });

  // Node's own transport takes it for lost.
  it.runIf(transportUnderTest === 'nereid')('that is half closed is answered, however late', async () => {
    const late = held(() => http.server.respond(http.server.last.request, []));
    const seenBefore = http.server.seen.length;
    const exchange = http.raw(post(good) + post(good));
    await expect.poll(() => http.server.seen.length).toBe(seenBefore + 2);
    late.finish();
    // Interim responses may come before, to find out whether the client is still there.
    expect(statuses(await exchange).filter((status) => status !== 100)).toEqual([200, 200]);
  });

  it('keeps a large answer’s memory until its last byte is taken, and gives it back when the client leaves', async () => {
    const data = new Uint8Array(64 << 20).fill(5);
    const { server } = http;
    const respond = () =>
      server.respond(server.last.request, [output({ name: 'Y', datatype: 'UINT8', shape: [data.length], data })]);
    const wanted = JSON.stringify({ ...tensor('INT32', [7]), parameters: { binary_data_output: true } });

    const seenBefore = server.seen.length;
    const reader = held(respond);
    const answering = http.infer(wanted);
    await expect.poll(() => server.seen.length).toBe(seenBefore + 1);
    reader.finish();
    const answer = await answering;
    const jsonBytes = Number(answer.headers['inference-header-content-length']);
    expect(answer.body.subarray(jsonBytes).equals(data)).toBe(true);
    await expect.poll(() => server.unreleased).toBe(0);

    const leaver = held(respond);
    const { socket } = open();
    socket.pause();
    socket.write(post(wanted));
    await expect.poll(() => server.seen.length).toBe(seenBefore + 2);
    leaver.finish();
    await expect.poll(() => server.unreleased).toBe(1);
    socket.destroy();
    await expect.poll(() => server.unreleased).toBe(0);
  });
});

describe('an answer', () => {
  it('releases a response that cannot be written as asked', async () => {
    const strings = { name: 'S', shape: [1], datatype: 'BYTES', data: ['a'] };
    const answer = await http.infer({ inputs: [strings], outputs: [{ name: 'S', parameters: { classification: 1 } }] });
    expect([answer.status, json(answer).error]).toEqual([400, expect.stringContaining("unsupported type 'BYTES'")]);
    expect(http.server.unreleased).toBe(0);
  });

  it('hides nothing of an unexpected failure but its stack', async () => {
    const { server } = http;
    const before = server.answer;
    server.answer = async () => {
      throw new TypeError('the engine tripped');
    };
    const answer = await http.infer(good);
    server.answer = before;
    expect([answer.status, json(answer)]).toEqual([500, { error: 'the engine tripped' }]);
  });
});
