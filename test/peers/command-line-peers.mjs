// Checks by HTTP/2 programs that know nothing of gRPC – curl, nghttp and h2load – with requests whose bytes are made here.
// nghttp and h2load are nghttp2's own; curl is usually built on the same library, but frames and paces differently.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { commandVersion } from './commands.mjs';
import { run } from './run-command.mjs';

const service = '/inference.GRPCInferenceService';
const grpcHeaders = ['content-type: application/grpc', 'te: trailers'];

/** `ServerLiveResponse { live: true }` as a gRPC message. */
const liveAnswer = '00000000020801';

function grpcMessage(bytes) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

function delimited(number, content) {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function inferRequest(model, inputs) {
  const tensors = inputs.map(([name, datatype, shape]) =>
    Buffer.concat([
      delimited(1, Buffer.from(name)),
      delimited(2, Buffer.from(datatype)),
      delimited(3, Buffer.concat(shape.map(varint))),
    ]),
  );
  return Buffer.concat([
    delimited(1, Buffer.from(model)),
    ...tensors.map((tensor) => delimited(5, tensor)),
    ...inputs.map(([, , , raw]) => delimited(7, raw)),
  ]);
}

const numbers = Buffer.from(Int32Array.from({ length: 16 }, (_, i) => i).buffer);
const threes = Buffer.from(new Int32Array(16).fill(3).buffer);
const sumsRequest = inferRequest('simple', [
  ['INPUT0', 'INT32', [1, 16], numbers],
  ['INPUT1', 'INT32', [1, 16], threes],
]);
const sums = Buffer.from(Int32Array.from({ length: 16 }, (_, i) => i + 3).buffer);

/**
 * The parts of an answer: its head and trailers as text, its body as bytes. Without a message the head ends the request.
 */
async function curl(url, folder, path, message) {
  const [head, body, sent] = ['head', 'body', 'sent'].map((name) => join(folder, `curl-${name}`));
  writeFileSync(body, '');
  writeFileSync(head, '');
  if (message !== null) writeFileSync(sent, grpcMessage(message));
  const headers = grpcHeaders.flatMap((header) => ['--header', header]);
  await run('curl', [
    ...['--silent', '--show-error', '--http2-prior-knowledge', ...headers],
    ...(message === null ? ['--request', 'POST'] : ['--data-binary', `@${sent}`]),
    ...['--dump-header', head, '--output', body, `${url}${service}/${path}`],
  ]);
  return { head: readFileSync(head, 'latin1'), body: readFileSync(body) };
}

async function curlChecks(tally, url, folder) {
  const ask = (path, message) => curl(url, folder, path, message);
  await tally.check('curl: ServerLive, with its trailers', async () => {
    const { head, body } = await ask('ServerLive', Buffer.alloc(0));
    assert.match(head, /^HTTP\/2 200/);
    assert.match(head, /^content-type: application\/grpc/m);
    assert.match(head, /\r\n\r\n(.*\r\n)*grpc-status: 0\r\n/, `no trailers in ${JSON.stringify(head)}`);
    assert.equal(body.toString('hex'), liveAnswer);
  });
  await tally.check('curl: inference', async () => {
    const { head, body } = await ask('ModelInfer', sumsRequest);
    assert.match(head, /^grpc-status: 0/m);
    assert.ok(body.includes(sums), `no sums in ${body.toString('hex')}`);
    assert.equal(body.readUInt32BE(1), body.length - 5);
  });
  await tally.check('curl: a message of 4 MB and back', async () => {
    const raw = Buffer.alloc(4 + 4 * 2 ** 20, 'curl');
    raw.writeUInt32LE(raw.length - 4);
    const { head, body } = await ask('ModelInfer', inferRequest('simple_identity', [['INPUT0', 'BYTES', [1, 1], raw]]));
    assert.match(head, /^grpc-status: 0/m);
    assert.ok(body.includes(raw), `what was sent is not in the ${body.length} bytes that came back`);
  });
  await tally.check('curl: an unknown method is UNIMPLEMENTED', async () => {
    // Without a body: its answer comes before the end of one, and the RST_STREAM with NO_ERROR after it (RFC 9113,
    // section 8.1) makes curl 7.88 drop an answer that it has not read yet.
    const { head } = await ask('NoSuchMethod', null);
    assert.match(head, /^HTTP\/2 200/);
    assert.match(head, /^grpc-status: 12/m);
  });
  await tally.check('curl: a request that is not gRPC is told so', async () => {
    const status = await run('curl', [
      ...[
        '--silent',
        '--http2-prior-knowledge',
        '--output',
        '/dev/null',
        '--write-out',
        '%{http_version} %{http_code}',
      ],
      ...['--header', 'content-type: text/plain', '--data', 'hello', `${url}${service}/ServerLive`],
    ]);
    assert.match(status, /^2 4\d\d$/);
  });
}

async function nghttpChecks(tally, url, folder) {
  const file = join(folder, 'nghttp-sent');
  const ask = async (path, message, ...more) => {
    writeFileSync(file, grpcMessage(message));
    const headers = grpcHeaders.flatMap((header) => ['-H', header]);
    return run('nghttp', ['-v', '-d', file, ...headers, ...more, `${url}${service}/${path}`]);
  };
  const count = (text, pattern) => [...text.matchAll(pattern)].length;
  const ok = /recv \(stream_id=\d+\) (?:\S*\[\S*m)*grpc-status: 0/g;
  await tally.check('nghttp: ServerLive', async () => {
    const output = await ask('ServerLive', Buffer.alloc(0));
    assert.equal(count(output, ok), 1, output);
    assert.ok(output.includes(Buffer.from(liveAnswer, 'hex').toString('latin1')), output);
  });
  await tally.check('nghttp: inference in padded frames', async () => {
    const output = await ask('ModelInfer', sumsRequest, '--padding=200');
    assert.equal(count(output, ok), 1, output);
    assert.ok(output.includes(sums.toString('latin1')), output);
  });
  await tally.check('nghttp: 100 inferences at once', async () => {
    const output = await ask('ModelInfer', sumsRequest, '--multiply=100');
    assert.equal(count(output, ok), 100, output.slice(-1000));
    assert.equal(output.split(sums.toString('latin1')).length - 1, 100);
  });
  await tally.check('nghttp: inference through a window of two bytes', async () => {
    const output = await ask('ModelInfer', sumsRequest, '--window-bits=1');
    assert.equal(count(output, ok), 1, output.slice(-1000));
  });
}

async function h2loadChecks(tally, url, folder) {
  const calls = 2_000;
  const file = join(folder, 'h2load-sent');
  for (const [name, path, message, answerBytes] of [
    ['ServerLive', 'ServerLive', Buffer.alloc(0), liveAnswer.length / 2],
    ['inference', 'ModelInfer', sumsRequest, null],
  ]) {
    await tally.check(`h2load: ${name}, ${calls} calls, 64 at once on each of 4 connections`, async () => {
      writeFileSync(file, grpcMessage(message));
      const headers = grpcHeaders.flatMap((header) => ['-H', header]);
      const load = ['-n', String(calls), '-c', '4', '-m', '64', '-d', file];
      const output = await run('h2load', [...load, ...headers, `${url}${service}/${path}`]);
      assert.match(output, new RegExp(`${calls} succeeded, 0 failed, 0 errored, 0 timeout`), output);
      assert.match(output, new RegExp(`status codes: ${calls} 2xx, 0 3xx, 0 4xx, 0 5xx`), output);
      const bytes = Number(/\((\d+)\) data/.exec(output)?.[1]);
      if (answerBytes === null) assert.ok(bytes > calls * 128 && bytes % calls === 0, `${bytes} bytes of answers`);
      else assert.equal(bytes, calls * answerBytes);
    });
  }
}

const peers = [
  { command: 'curl', versionArgs: ['--version'], checks: curlChecks, needs: /\bHTTP2\b/ },
  { command: 'nghttp', versionArgs: ['--version'], checks: nghttpChecks, package: 'nghttp2-client' },
  { command: 'h2load', versionArgs: ['--version'], checks: h2loadChecks, package: 'nghttp2-client' },
];

/** Runs all whose program is here. `url` has neither path nor slash at its end; `folder` is for files in between. */
export async function commandLineChecks(tally, url, folder) {
  for (const { command, versionArgs, checks, needs, package: name = command } of peers) {
    const version = commandVersion(command, versionArgs);
    if (version === null) tally.skip(command, `it is not on the PATH (on Debian and Ubuntu: apt-get install ${name})`);
    else if (needs !== undefined && !needs.test(version)) tally.skip(command, 'it is built without HTTP/2');
    else await checks(tally, url, folder);
  }
}
