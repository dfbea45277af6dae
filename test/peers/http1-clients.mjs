// Checks of the HTTP port by clients that are not ours: curl, h2load over HTTP/1.1, the fetch of Node (undici) and Python's
// http.client. What other makers take for HTTP/1.1 decides whether a strict parser is right.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { commandVersion } from './commands.mjs';
import { run } from './run-command.mjs';

const numbers = Array.from({ length: 16 }, (_, i) => i);
const input = (name, data) => ({ name, datatype: 'INT32', shape: [1, 16], data });
const sumsBody = JSON.stringify({
  id: 'é',
  inputs: [input('INPUT0', numbers), input('INPUT1', new Array(16).fill(3))],
  outputs: [{ name: 'OUTPUT0' }],
});
const sums = numbers.map((number) => number + 3);
const inferPath = '/v2/models/simple/infer';

function expectSums(text) {
  const answer = JSON.parse(text);
  assert.equal(answer.id, 'é');
  assert.deepEqual(answer.outputs[0].data, sums);
}

/** An infer request of a few MB with a binary tensor, and where its JSON ends. */
function largeRequest() {
  const raw = Buffer.alloc(4 + 4 * 2 ** 20, 'curl');
  raw.writeUInt32LE(raw.length - 4);
  const parameters = { binary_data_size: raw.length };
  const json = JSON.stringify({
    inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1, 1], parameters }],
    outputs: [{ name: 'OUTPUT0', parameters: { binary_data: true } }],
  });
  return { raw, jsonBytes: json.length, body: Buffer.concat([Buffer.from(json), raw]) };
}

async function curlChecks(tally, url, folder) {
  const file = join(folder, 'http1-sent');
  const curl = (...args) => run('curl', ['--silent', '--show-error', '--http1.1', ...args]);
  const post = (body, ...args) => {
    writeFileSync(file, body);
    return curl('--data-binary', `@${file}`, ...args, `${url}${inferPath}`);
  };
  const utf8 = (text) => Buffer.from(text, 'latin1').toString();
  await tally.check('curl: inference', async () => expectSums(utf8(await post(sumsBody))));
  await tally.check('curl: inference in chunks', async () =>
    expectSums(utf8(await post(sumsBody, '--header', 'Transfer-Encoding: chunked'))),
  );
  await tally.check('curl: inference over HTTP/1.0', async () => expectSums(utf8(await post(sumsBody, '--http1.0'))));
  await tally.check('curl: a compressed answer', async () => expectSums(utf8(await post(sumsBody, '--compressed'))));
  await tally.check('curl: several requests over one connection', async () => {
    const status = ['--output', '/dev/null', '--write-out', '%{http_code} %{num_connects}\n'];
    const live = `${url}/v2/health/live`;
    const text = await curl(...status, live, ...status, live, ...status, live);
    assert.equal(text, '200 1\n200 0\n200 0\n');
  });
  await tally.check('curl: 4 MB and back, sent when told to go on', async () => {
    const { raw, jsonBytes, body } = largeRequest();
    writeFileSync(file, body);
    const headers = ['--header', `Inference-Header-Content-Length: ${jsonBytes}`, '--header', 'Expect: 100-continue'];
    const answer = await curl(
      ...['--include', ...headers, '--data-binary', `@${file}`, `${url}/v2/models/simple_identity/infer`],
    );
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    assert.ok(
      answer.endsWith(raw.toString('latin1')),
      `${answer.length} bytes came back, without those that were sent`,
    );
  });
  await tally.check('curl: HEAD has the head of GET and no body', async () => {
    const text = await curl('--head', `${url}/v2`);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(text, /^Content-Length: [1-9]\d*\r$/m);
    assert.match(text, /\r\n\r\n$/);
  });
  await tally.check('curl: an upgrade to HTTP/2 is not taken, the request is', async () => {
    const status = ['--output', '/dev/null', '--write-out', '%{http_version} %{http_code}'];
    assert.equal(await run('curl', ['--silent', '--http2', ...status, `${url}/v2/health/live`]), '1.1 200');
  });
}

async function h2loadChecks(tally, url, folder) {
  const calls = 2_000;
  const file = join(folder, 'h2load-http1');
  for (const pipelined of [1, 16]) {
    await tally.check(
      `h2load: ${calls} inferences over HTTP/1.1, ${pipelined} at once on each of 4 connections`,
      async () => {
        writeFileSync(file, sumsBody);
        const load = ['--h1', '-n', String(calls), '-c', '4', '-m', String(pipelined), '-d', file];
        const output = await run('h2load', [...load, `${url}${inferPath}`]);
        assert.match(output, new RegExp(`${calls} succeeded, 0 failed, 0 errored, 0 timeout`), output);
        assert.match(output, new RegExp(`status codes: ${calls} 2xx, 0 3xx, 0 4xx, 0 5xx`), output);
      },
    );
  }
}

async function fetchChecks(tally, url) {
  await tally.check('fetch: 200 inferences, 20 at once', async () => {
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => fetch(`${url}${inferPath}`, { method: 'POST', body: sumsBody })),
      );
      for (const answer of answers) expectSums(await answer.text());
    }
  });
  await tally.check('fetch: a body that is streamed', async () => {
    const body = new ReadableStream({
      start(controller) {
        for (const byte of Buffer.from(sumsBody)) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const answer = await fetch(`${url}${inferPath}`, { method: 'POST', body, duplex: 'half' });
    expectSums(await answer.text());
  });
}

const pythonClient = `
import http.client, json, sys
host, port = sys.argv[1].rsplit(':', 1)
body = sys.stdin.buffer.read()
connection = http.client.HTTPConnection(host, int(port), timeout=20)
for encoded in (False, True) * 10:
    parts = (body[i:i + 7] for i in range(0, len(body), 7)) if encoded else body
    connection.request('POST', '${inferPath}', parts, encode_chunked=encoded,
                       headers={'Transfer-Encoding': 'chunked'} if encoded else {})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
print(text.decode())
`;

async function pythonChecks(tally, url) {
  await tally.check('http.client: 20 inferences over one connection, half of them in chunks', async () => {
    const text = await run('python3', ['-c', pythonClient, url.replace('http://', '')], sumsBody);
    expectSums(Buffer.from(text, 'latin1').toString());
  });
}

/** Runs all whose program is here. `url` has neither path nor slash at its end; `folder` is for files in between. */
export async function http1Checks(tally, url, folder) {
  for (const [command, checks] of [
    ['curl', curlChecks],
    ['h2load', h2loadChecks],
    ['python3', pythonChecks],
  ]) {
    if (commandVersion(command) === null) tally.skip(`${command} over HTTP/1.1`, 'it is not on the PATH');
    else await checks(tally, url, folder);
  }
  await fetchChecks(tally, url);
}
