/**
 * Mutated requests over real connections: whatever arrives, the frontend answers in HTTP or closes, soon, and serves the
 * next good request. The seed comes from FUZZ_SEED or is printed with the failure.
 */

import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpFixture, json, startHttp, tensor } from '../fakes/http-client.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FUZZ_RUNS ?? 1500);

/** Far above what any of them takes; the frontend's own limits on slow clients are longer, so nobody waits for those. */
const maxMs = 30_000;
const shortMs = 20;

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp({ maxInputBytes: 1 << 20 });
});
afterAll(() => http.listening.close());

const request = (path: string, headers: readonly string[], body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(
      [
        `POST ${path} HTTP/1.1`,
        'Host: x',
        'Connection: close',
        `Content-Length: ${body.length}`,
        ...headers,
        '',
        '',
      ].join('\r\n'),
    ),
    body,
  ]);

const binaryHead = JSON.stringify({
  id: 'x',
  inputs: [
    { name: 'A', shape: [1, 4], datatype: 'INT32', parameters: { binary_data_size: 16 } },
    { name: 'B', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: 11 } },
  ],
  outputs: [
    { name: 'A', parameters: { classification: 2 } },
    { name: 'B', parameters: { binary_data: true } },
  ],
});
const binaryBody = Buffer.concat([
  Buffer.from(binaryHead),
  Buffer.alloc(16, 1),
  Buffer.from('\x01\0\0\0a\x02\0\0\0bc', 'latin1'),
]);
const jsonBody = Buffer.from(
  '{"id":"é","parameters":{"sequence_id":5,"timeout":10,"x":1.5},"inputs":[' +
    '{"name":"F","shape":[2,2],"datatype":"FP32","data":[[0.1,-1e-3],[NaN,3]]},' +
    '{"data":[-9223372036854775808],"name":"I","shape":[1],"datatype":"INT64"},' +
    '{"name":"S","shape":[2],"datatype":"BYTES","data":["\\u00fc","b"]}]}',
);
const infer = '/v2/models/echo/infer';
const chunked = `POST ${infer} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;

const seeds: readonly Buffer[] = [
  request(infer, [], jsonBody),
  request(infer, [`Inference-Header-Content-Length: ${binaryHead.length}`], binaryBody),
  request(infer, ['Inference-Header-Content-Length: 0'], Buffer.alloc(8)),
  request(infer, ['Content-Encoding: gzip', 'Accept-Encoding: deflate;q=0.5'], gzipSync(jsonBody)),
  request('/v2/repository/models/echo/load', [], Buffer.from('{"parameters":{"config":"{}","file:1/m":"QUJD"}}')),
  request('/v2/systemsharedmemory/region/r/register', [], Buffer.from('{"key":"/k","byte_size":8}')),
  request('/v2/trace/setting', [], Buffer.from('{"trace_level":["OFF"],"trace_rate":"5"}')),
  Buffer.from(`${chunked}${jsonBody.length.toString(16)}\r\n${jsonBody.toString('latin1')}\r\n0\r\n\r\n`, 'latin1'),
];

/** Bytes that mean something to the parsers. */
const tokens: readonly string[] = [
  ...['"', '{', '}', '[', ']', ',', ':', '\\', '\\u', '\0', '\r\n', '\r\n\r\n', ' ', '-', '.', 'e', '0', '%', '/'],
  ...['null', 'NaN', '-Infinity', '1e999', '18446744073709551616', '-1', '"__proto__":', '"data":', '"shape":[1],'],
  ...['\xff', '\xed\xa0\x80', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Expect: 100-continue\r\n'],
];

type Edit = readonly [kind: 'flip' | 'cut' | 'insert' | 'repeat' | 'truncate', at: number, value: number];

const edits = fc.array(
  fc.tuple(
    fc.constantFrom('flip', 'cut', 'insert', 'repeat', 'truncate'),
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    fc.nat(255),
  ),
  { minLength: 1, maxLength: 6 },
);

function edited(bytes: Buffer, [kind, place, value]: Edit): Buffer {
  const at = Math.floor(place * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (kind) {
    case 'flip':
      return Buffer.concat([before, Buffer.of((after[0] ?? 0) ^ (value | 1)), after.subarray(1)]);
    case 'cut':
      return Buffer.concat([before, after.subarray(value % 16)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(tokens[value % tokens.length]!, 'latin1'), after]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, value), after]);
    case 'truncate':
      return before;
  }
}

/**
 * All that came back; rejects when the connection is still open after `maxMs` although the client said its last word.
 *
 * @param patienceMs how long the client waits for the beginning of an answer
 */
function exchange(bytes: Buffer, patienceMs = shortMs): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: http.listening.port, allowHalfOpen: true });
    let text = '';
    // A client that closes its side counts as gone: it does so when it has waited for an answer in vain.
    let patience = setTimeout(() => socket.end(), patienceMs);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end after ${maxMs} ms, received: ${text.slice(0, 200)}`));
    }, maxMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      clearTimeout(patience);
      patience = setTimeout(() => socket.end(), shortMs);
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(timer);
      clearTimeout(patience);
      resolve(text);
    });
    socket.write(bytes);
  });
}

async function survives(bytes: Buffer): Promise<void> {
  const text = await exchange(bytes);
  if (text !== '') expect(text).toMatch(/^HTTP\/1\.1 [1-5]\d\d /);
  expect(text).not.toMatch(/HTTP\/1\.1 500/);
  await expect.poll(() => http.server.unreleased).toBe(0);
}

describe(`HTTP requests (FUZZ_SEED=${seed})`, () => {
  it('serves the seeds themselves', async () => {
    for (const bytes of seeds) expect(await exchange(bytes, maxMs / 2)).toMatch(/^HTTP\/1\.1 (200|400|501) /);
  });

  it('survives mutations and serves the next good request', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(seeds.length - 1), edits, async (index, changes) => {
        await survives(changes.reduce(edited, seeds[index]!));
        if (count++ % 50 === 0) {
          const answer = await http.infer(tensor('INT32', [count]));
          expect(json(answer).outputs[0].data).toEqual([count]);
        }
      }),
      { seed, numRuns },
    );
  });

  it('survives arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => survives(Buffer.from(bytes))),
      { seed, numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it('still serves after all of it', async () => {
    expect((await http.infer(tensor('INT32', [1, 2]))).status).toBe(200);
  });
});
