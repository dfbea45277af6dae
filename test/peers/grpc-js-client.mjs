// Checks of a running server by @grpc/grpc-js, whose HTTP/2 is nghttp2 inside Node. Takes the server's address and prints
// a line for each check: "ok NAME", or "FAILED NAME: what was seen".

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protoFile = fileURLToPath(new URL('../../proto/grpc_service.proto', import.meta.url));
const address = process.argv[2];
const patienceMs = 20_000;
const largestBytes = 64 * 2 ** 20;
const { GRPCInferenceService: Service } = loadPackageDefinition(loadSync(protoFile, { keepCase: true })).inference;

const connect = (more = {}) =>
  new Service(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': largestBytes,
    ...more,
  });
const plain = connect();
const zipped = connect({ 'grpc.default_compression_algorithm': 2 });

function call(client, method, message) {
  return new Promise((resolve, reject) => {
    client[method](message, { deadline: Date.now() + patienceMs }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

const tensor = (name, datatype, shape) => ({ name, datatype, shape });

function sums(start) {
  const first = Buffer.from(Int32Array.from({ length: 16 }, (_, i) => start + i).buffer);
  const second = Buffer.from(new Int32Array(16).fill(3).buffer);
  const inputs = [tensor('INPUT0', 'INT32', [1, 16]), tensor('INPUT1', 'INT32', [1, 16])];
  return { model_name: 'simple', inputs, raw_input_contents: [first, second] };
}

function checkSums({ raw_output_contents: outputs }, start) {
  const seen = outputs.map((bytes) => Array.from({ length: 16 }, (_, i) => bytes.readInt32LE(4 * i)));
  const numbers = Array.from({ length: 16 }, (_, i) => start + i);
  assert.deepEqual(seen, [numbers.map((n) => n + 3), numbers.map((n) => n - 3)]);
}

async function checkUnary(client, start) {
  checkSums(await call(client, 'ModelInfer', sums(start)), start);
}

async function checkStream(client) {
  const stream = client.ModelStreamInfer({ deadline: Date.now() + patienceMs });
  for (let i = 0; i < 50; i++) stream.write(sums(i));
  stream.end();
  let count = 0;
  for await (const answer of stream) checkSums(answer.infer_response, count++);
  assert.equal(count, 50);
}

async function checkLarge(client) {
  const raw = Buffer.alloc(4 + 4 * 2 ** 20, 'nereid');
  raw.writeUInt32LE(raw.length - 4);
  const inputs = [tensor('INPUT0', 'BYTES', [1, 1])];
  const answer = await call(client, 'ModelInfer', { model_name: 'simple_identity', inputs, raw_input_contents: [raw] });
  assert.ok(answer.raw_output_contents[0].equals(raw), 'the answer is not what was sent');
}

/** Opens a stream, gets one answer, and waits for how `end` makes it fail. */
async function checkBrokenStream(options, end, code) {
  const stream = plain.ModelStreamInfer(options);
  const failed = once(stream, 'error').then(
    () => null,
    (error) => error,
  );
  const broken = new Promise((resolve) => stream.on('error', resolve));
  stream.write(sums(1));
  const [answer] = await Promise.race([once(stream, 'data'), failed.then((error) => Promise.reject(error))]);
  checkSums(answer.infer_response, 1);
  end(stream);
  assert.equal((await broken).code, code);
}

async function expectCode(code, promise) {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (reason) => reason,
  );
  assert.equal(error.code, code, error.message);
  assert.notEqual(error.details, '');
}

const checks = {
  ServerLive: async () => assert.deepEqual(await call(plain, 'ServerLive', {}), { live: true }),
  inference: () => checkUnary(plain, 10),
  '200 calls at once, five times': async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 200 }, (_, i) => checkUnary(plain, 1_000 * round + i)));
    }
  },
  'a stream of 50 inferences': () => checkStream(plain),
  'gzip, inference': () => checkUnary(zipped, 20),
  'gzip, a stream of 50 inferences': () => checkStream(zipped),
  'gzip, a message of 4 MB and back': () => checkLarge(zipped),
  'a message of 4 MB and back': () => checkLarge(plain),
  'a stream whose deadline passes': () =>
    checkBrokenStream({ deadline: Date.now() + 200 }, () => undefined, status.DEADLINE_EXCEEDED),
  '50 streams that are cancelled': async () => {
    for (let i = 0; i < 50; i++) await checkBrokenStream({}, (stream) => stream.cancel(), status.CANCELLED);
    await checkUnary(plain, 30);
  },
  'an unknown model': () =>
    expectCode(status.NOT_FOUND, call(plain, 'ModelInfer', { model_name: 'no such model – nowhere' })),
};

for (const [name, run] of Object.entries(checks)) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAILED ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
  }
}
plain.close();
zipped.close();
