/** Memory of HTTP requests is counted, bounded, and released however they end. */

import { connect, type Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MessagePool } from '../../../src/frontends/message-pool.ts';
import { MemoryBudget } from '../../../src/inference/memory-budget.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { type HttpFixture, startHttp, transportUnderTest } from '../../fakes/http-client.ts';

const MiB = 1024 * 1024;
const path = '/v2/models/echo/infer';

let http: HttpFixture;
let budget: MemoryBudget;
const sockets: Socket[] = [];

beforeEach(async () => {
  budget = new MemoryBudget(8 * MiB);
  http = await startHttp({ memory: new MessagePool(null, budget) });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await expect.poll(() => budget.totalBytes).toBe(0);
  http.listening.close();
});

const jsonOf = (data: readonly number[], more = ''): string =>
  `{${more}"inputs":[{"name":"IN","datatype":"UINT8","shape":[${data.length}],"data":[${data.join()}]}]}`;

function binaryOf(data: Buffer, padding = ''): { body: Buffer; headers: Record<string, string> } {
  const parameters = { binary_data_size: data.length };
  const inputs = JSON.stringify([{ name: 'IN', datatype: 'UINT8', shape: [data.length], parameters }]);
  const json = `{${padding}"inputs":${inputs}}`;
  return {
    body: Buffer.concat([Buffer.from(json), data]),
    headers: { 'Inference-Header-Content-Length': String(json.length) },
  };
}

/** A connection that says the bytes and nothing more. */
function say(head: string, ...parts: readonly Buffer[]): { readonly socket: Socket; text: () => string } {
  const socket = connect(http.listening.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (part) => {
    text += part.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`);
  for (const part of parts) socket.write(part);
  return { socket, text: () => text };
}

/** The model answers when told. */
function held(): (() => void)[] {
  const finish: (() => void)[] = [];
  const { answer } = http.server;
  http.server.answer = (request, context) =>
    new Promise<InferenceResponse>((resolve, reject) => {
      context.cancellation.add(() => reject(new Error('cancelled')));
      finish.push(() => resolve(answer(request, context)));
    });
  return finish;
}

describe('the memory of an HTTP request', () => {
  it('is not reserved for an announced body, except for the head', async () => {
    for (let i = 0; i < 4; i++) say(`Inference-Header-Content-Length: 10\r\nContent-Length: ${8 * MiB}`);
    expect((await http.infer(jsonOf([1]))).status).toBe(200);
    expect(budget.totalBytes).toBeLessThan(1024);
  });

  it('is bounded while bodies come, and a body for which there is none is refused at once', async () => {
    const head = `Inference-Header-Content-Length: 10\r\nContent-Length: ${6 * MiB}`;
    const stalled = Array.from({ length: 4 }, () => say(head, Buffer.alloc(3 * MiB)));
    await expect.poll(() => stalled.filter(({ text }) => text() !== '').length).toBeGreaterThanOrEqual(2);
    expect(budget.totalBytes).toBeLessThanOrEqual(8 * MiB);
    const refused = stalled.find(({ text }) => text() !== '')?.text() ?? '';
    expect(refused).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1\r\n.*raise --max-inflight-bytes/s);
    for (const { socket } of stalled) socket.destroy();
    await expect.poll(() => budget.totalBytes).toBe(0);
    expect((await http.infer(jsonOf([1]))).status).toBe(200);
  });

  it('lets the last of several growing bodies through', async () => {
    const { body, headers } = binaryOf(Buffer.alloc(5 * MiB));
    const answers = await Promise.all(Array.from({ length: 5 }, () => http.send('POST', path, body, headers)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  });

  it.each([
    ['announced', `Inference-Header-Content-Length: 10\r\nContent-Length: ${8 * MiB + 1}`, 0],
    ['in chunks', 'Inference-Header-Content-Length: 10\r\nTransfer-Encoding: chunked', 8 * MiB + 1],
  ])('is refused with 413 to a body larger than all of it, %s', async (_, head, bytes) => {
    const parts = bytes === 0 ? [] : [Buffer.from(`${bytes.toString(16)}\r\n`), Buffer.alloc(bytes)];
    const { text } = say(head, ...parts);
    await expect.poll(text).toMatch(/^HTTP\/1\.1 413 .*--max-inflight-bytes/s);
    expect(text()).not.toContain('Retry-After');
  });

  it.each([
    ['binary', true],
    ['JSON', false],
  ])(
    'is refused with 413 to a request that is small but needs more than all of it once decoded, as %s',
    async (_, isBinary) => {
      const count = 300_000;
      const tensor = { name: 'IN', datatype: 'BYTES', shape: [count] };
      const input = isBinary
        ? { ...tensor, parameters: { binary_data_size: 4 * count } }
        : { ...tensor, data: new Array(count).fill('') };
      const json = JSON.stringify({ inputs: [input] });
      const body = Buffer.concat([Buffer.from(json), Buffer.alloc(isBinary ? 4 * count : 0)]);
      const headers = isBinary ? { 'Inference-Header-Content-Length': String(json.length) } : {};
      const answer = await http.send('POST', path, body, headers);
      expect(answer.status).toBe(413);
      expect(answer.body.toString()).toMatch(
        /needs \d{7,8} bytes beside its message.*8388608.*raise --max-inflight-bytes/,
      );
      expect(http.server.seen).toEqual([]);
    },
  );

  it('is kept from large answers to control calls while answers that nobody reads have taken it', async () => {
    const large = { name: 'echo', parameters: { note: { string_value: 'x'.repeat(MiB) } } };
    http.server.config = () => large;
    const ask = () => http.send('GET', '/v2/models/echo/config');
    expect((await ask()).status).toBe(200);
    budget.add(8 * MiB);
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(refused.headers).toHaveProperty('retry-after');
    expect(refused.body.toString()).toMatch(/the answer has 10\d{5} bytes.*--max-inflight-bytes/);
    // Small answers always pass: probes must be answered.
    expect((await http.send('GET', '/v2/models/echo')).status).toBe(200);
    expect((await http.send('GET', '/v2/health/ready')).status).toBe(200);
    budget.add(-8 * MiB);
    expect((await ask()).status).toBe(200);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('is refused with 413 to a body that inflates to more than all of it, as %s', async (coding, compress) => {
    const { body, headers } = binaryOf(Buffer.alloc(9 * MiB));
    const answer = await http.send('POST', path, compress(body), { ...headers, 'Content-Encoding': coding });
    expect(answer.status).toBe(413);
    expect(answer.headers).not.toHaveProperty('retry-after');
    expect(answer.body.toString()).toMatch(/larger than the 8388608 bytes.*raise --max-inflight-bytes/);
    expect(http.server.seen).toEqual([]);
  });

  it('is counted while the request waits: body, padding, id and decoded tensors', async () => {
    const finish = held();
    const padded = binaryOf(Buffer.alloc(10), `"x":"${' '.repeat(MiB)}",`);
    const answers = [http.send('POST', path, padded.body, padded.headers)];
    await expect.poll(() => finish.length).toBe(1);
    expect(budget.totalBytes).toBeGreaterThan(MiB);
    const before = budget.totalBytes;
    answers.push(http.infer(jsonOf([1], `"id":"${'x'.repeat(MiB)}",`)));
    await expect.poll(() => finish.length).toBe(2);
    expect(budget.totalBytes).toBeGreaterThan(before + MiB);
    for (const one of finish) one();
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  });

  it.runIf(transportUnderTest === 'nereid')('is counted for the heads of requests that wait', async () => {
    const finish = held();
    const body = jsonOf([1]);
    const one = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Long: ${'v'.repeat(14_000)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    say('Content-Length: 0', Buffer.from(one.repeat(3)));
    await expect.poll(() => finish.length).toBe(3);
    expect(budget.totalBytes).toBeGreaterThan(3 * 14_000);
    for (const one of finish) one();
    await expect.poll(() => budget.totalBytes).toBe(0);
  });

  it('is given back for a JSON body once its tensors are decoded', async () => {
    const finish = held();
    const answer = http.infer(jsonOf(new Array(100_000).fill(7), ' '.repeat(2 * MiB)));
    await expect.poll(() => finish.length).toBe(1);
    expect(budget.totalBytes).toBeGreaterThanOrEqual(100_000);
    expect(budget.totalBytes).toBeLessThan(MiB);
    finish[0]?.();
    expect((await answer).status).toBe(200);
  });

  it('is counted as a compressed body grows', async () => {
    const finish = held();
    const bomb = gzipSync(Buffer.from(jsonOf([1], ' '.repeat(3.5 * MiB))));
    const other = binaryOf(Buffer.alloc(3 * MiB));
    const waiting = http.send('POST', path, other.body, other.headers);
    await expect.poll(() => finish.length).toBe(1);
    const refused = await http.infer(bomb, { 'Content-Encoding': 'gzip' });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    finish[0]?.();
    expect((await waiting).status).toBe(200);
    const taken = http.infer(bomb, { 'Content-Encoding': 'gzip' });
    await expect.poll(() => finish.length).toBe(2);
    finish[1]?.();
    expect((await taken).status).toBe(200);
  });

  it('is given back after any sequence of requests, good, refused and given up', async () => {
    const binary = binaryOf(Buffer.alloc(300_000, 1));
    const small = binaryOf(Buffer.alloc(10, 1));
    const kinds: Readonly<Record<string, () => Promise<unknown>>> = {
      good: () => http.infer(jsonOf([1, 2])),
      binary: () => http.send('POST', path, binary.body, binary.headers),
      small: () => http.send('POST', path, small.body, small.headers),
      raw: () => http.send('POST', path, Buffer.alloc(4000), { 'Inference-Header-Content-Length': '0' }),
      compressed: () => http.infer(gzipSync(jsonOf([1])), { 'Content-Encoding': 'gzip', 'Accept-Encoding': 'deflate' }),
      brokenJson: () => http.infer(`{"inputs":[${' '.repeat(100_000)}`),
      brokenLength: () => http.send('POST', path, binary.body, { 'Inference-Header-Content-Length': '-1' }),
      brokenGzip: () => http.infer(Buffer.alloc(100_000), { 'Content-Encoding': 'gzip' }),
      unknownModel: () => http.send('POST', '/v2/models/none/infer', binary.body, binary.headers),
      unknownRaw: () =>
        http.send('POST', '/v2/models/none/infer', binary.body, { 'Inference-Header-Content-Length': '0' }),
      control: () => http.send('POST', '/v2/repository/index', `{"x":"${' '.repeat(50_000)}"}`),
      tooLarge: () => http.send('POST', path, Buffer.alloc(8 * MiB + 1), { 'Inference-Header-Content-Length': '9' }),
      givenUp: async () => {
        const { socket } = say(`Content-Length: 400000`, Buffer.alloc(200_000));
        await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
      },
      cutChunked: async () => {
        const { socket } = say('Transfer-Encoding: chunked', Buffer.from('fffff\r\n'), Buffer.alloc(200_000));
        await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
      },
    };
    const { answer } = http.server;
    http.server.answer = async (request, context) => {
      if (request.modelName !== 'echo') throw new Error('no such model');
      return answer(request, context);
    };
    const sequence = fc.array(fc.constantFrom(...Object.keys(kinds)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sequence, fc.boolean(), async (names, atOnce) => {
        const runs = names.map((name) => kinds[name] as () => Promise<unknown>);
        if (atOnce) await Promise.all(runs.map((run) => run().catch(() => undefined)));
        else for (const run of runs) await run().catch(() => undefined);
        await expect.poll(() => budget.totalBytes).toBe(0);
        expect(http.server.unreleased).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});
