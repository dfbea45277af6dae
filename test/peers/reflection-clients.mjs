// Server reflection by the tool that is strictest about descriptors: grpcurl, which links them with Go's own protobuf and
// refuses what protoc would not have made.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { commandVersion } from './commands.mjs';
import { run } from './run-command.mjs';
import { toolFolder } from './server.mjs';

const grpcurlModule = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3';
const installTimeoutMs = 300_000;
const offline = /dial tcp|no such host|i\/o timeout|Forbidden|proxy/i;

/** The program, or why it cannot be had. */
function grpcurl() {
  if (commandVersion('go', ['version']) === null) return { reason: 'there is no go here' };
  mkdirSync(toolFolder, { recursive: true });
  const installed = spawnSync('go', ['install', grpcurlModule], {
    env: { ...process.env, GOBIN: toolFolder, GOFLAGS: '' },
    encoding: 'utf8',
    timeout: installTimeoutMs,
  });
  if (installed.status === 0) return { command: join(toolFolder, 'grpcurl') };
  const complaint = `${installed.stderr ?? ''}`.slice(-600);
  if (/requires go >=|toolchain/.test(complaint)) return { reason: `this go is too old:\n${complaint}` };
  if (offline.test(complaint)) return { reason: `its module cannot be fetched:\n${complaint}` };
  throw new Error(`grpcurl cannot be installed:\n${complaint}`);
}

/** @param address Host and port of the gRPC frontend. */
export async function reflectionChecks(tally, address) {
  let tool;
  try {
    tool = grpcurl();
  } catch (error) {
    tally.fail('grpcurl', error.message);
    return;
  }
  if (tool.reason !== undefined) {
    tally.skip('grpcurl', tool.reason);
    return;
  }
  const ask = (words, request = null) =>
    run(tool.command, ['-plaintext', ...(request === null ? [] : ['-d', JSON.stringify(request)]), address, ...words]);
  const service = 'inference.GRPCInferenceService';
  await tally.check('grpcurl: list', async () => {
    const listed = (await ask(['list'])).trim().split('\n');
    for (const name of [service, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection']) {
      assert.ok(listed.includes(name), `${name} is not among ${listed}`);
    }
  });
  await tally.check('grpcurl: describes every service with all its messages', async () => {
    const described = await ask(['describe']);
    assert.match(described, /rpc ModelInfer \( \.inference\.ModelInferRequest \)/);
    for (const type of new Set([...described.matchAll(/\.((?:inference|grpc)[.\w]+)/g)].map(([, name]) => name))) {
      assert.match(await ask(['describe', type]), /is a message/);
    }
  });
  await tally.check('grpcurl: map entries, nested types and enums have their names', async () => {
    assert.match(await ask(['describe', 'inference.ModelInferRequest.ParametersEntry']), /entry type for a map field/);
    assert.match(await ask(['describe', 'inference.ModelInferRequest.InferInputTensor']), /is a message/);
    assert.match(await ask(['describe', 'inference.DataType']), /is an enum/);
    assert.match(await ask(['describe', 'inference.ModelInstanceGroup.KIND_CPU']), /is an enum value/);
  });
  await tally.check('grpcurl: calls that need no .proto file', async () => {
    assert.equal(JSON.parse(await ask([`${service}/ServerReady`])).ready, true);
    assert.equal(JSON.parse(await ask(['grpc.health.v1.Health/Check'])).status, 'SERVING');
    const { config } = JSON.parse(await ask([`${service}/ModelConfig`], { name: 'simple' }));
    assert.equal(config.maxBatchSize, 8);
    const input = (name, value) => ({
      name,
      datatype: 'INT32',
      shape: [1, 16],
      contents: { int_contents: Array(16).fill(value) },
    });
    const request = { model_name: 'simple', id: 'of grpcurl', inputs: [input('INPUT0', 5), input('INPUT1', 3)] };
    const answer = JSON.parse(
      await ask([`${service}/ModelInfer`], { ...request, parameters: { priority: { int64_param: 0 } } }),
    );
    assert.equal(answer.id, 'of grpcurl');
    assert.equal(Buffer.from(answer.rawOutputContents[0], 'base64').readInt32LE(), 8);
  });
}
