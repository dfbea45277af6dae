/**
 * Cost of the hand-written codec of the two hot gRPC messages against protobufjs on the same bytes, in µs per message.
 * Usage: node bench/grpc-codec.mjs [--dist=DIR] [--json]; DIR holds the compiled server, `dist` by default.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import protobuf from 'protobufjs';

const { values: options } = parseArgs({
  options: { dist: { type: 'string', default: 'dist' }, json: { type: 'boolean', default: false } },
});
const compiled = (path) => new URL(`${options.dist}/frontends/grpc/${path}`, `file://${process.cwd()}/`).href;
const { decodeInferRequest } = await import(compiled('infer/request-codec.js'));
const { InferResponseMessage } = await import(compiled('infer/response-codec.js'));

const rounds = 9;
const roundMs = 150;

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../proto/${target}`, import.meta.url));
root.loadSync('grpc_service.proto', { keepCase: true });
const RequestType = root.lookupType('inference.ModelInferRequest');
const ResponseType = root.lookupType('inference.ModelInferResponse');

const elements = (byteCount) => byteCount / 4;

function requestOf(byteCount) {
  return Buffer.from(
    RequestType.encode({
      model_name: 'simple',
      id: '42',
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, elements(byteCount)] }],
      outputs: [{ name: 'OUTPUT0' }],
      raw_input_contents: [Buffer.alloc(byteCount, 1)],
    }).finish(),
  );
}

const noParameters = new Map();

function responseOf(byteCount) {
  const data = Buffer.alloc(byteCount, 2);
  return {
    modelName: 'simple',
    modelVersion: '1',
    id: '42',
    parameters: noParameters,
    outputs: [
      { name: 'OUTPUT0', datatype: 'FP32', shape: [1, elements(byteCount)], data, labels: [], classificationCount: 0 },
    ],
    isBatched: true,
    release() {},
  };
}

const responseMessageOf = ({ modelName, modelVersion, id, outputs }) => ({
  model_name: modelName,
  model_version: modelVersion,
  id,
  outputs: outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
  raw_output_contents: outputs.map(({ data }) => data),
});

let sink = 0;

/** Our path: straight into a frame with its prefix, as the transport does. */
function encodeOurs(response) {
  const message = new InferResponseMessage(response, 'unary');
  const frame = Buffer.allocUnsafe(5 + message.byteLength);
  message.copy(frame, 5);
  return frame;
}

/** What grpc-js does with generated code: encode, then copy behind the prefix. */
function encodeTheirs(response) {
  const message = ResponseType.encode(responseMessageOf(response)).finish();
  const frame = Buffer.allocUnsafe(5 + message.length);
  message.copy(frame, 5);
  return frame;
}

function microsecondsOf(run) {
  const samples = [];
  for (let round = 0; round <= rounds; round++) {
    let count = 0;
    const start = performance.now();
    let now = start;
    while (now - start < roundMs) {
      for (let i = 0; i < 200; i++) sink += run().length;
      count += 200;
      now = performance.now();
    }
    if (round > 0) samples.push(((now - start) * 1000) / count);
  }
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1];
}

const rows = [];
for (const byteCount of [64, 4096, 602_112]) {
  const frame = requestOf(byteCount);
  const response = responseOf(byteCount);
  rows.push({
    bytes: byteCount,
    decode: microsecondsOf(() => decodeInferRequest(frame, null).inputs),
    decodeProtobufjs: microsecondsOf(() => RequestType.decode(frame).inputs),
    encode: microsecondsOf(() => encodeOurs(response)),
    encodeProtobufjs: microsecondsOf(() => encodeTheirs(response)),
    both: microsecondsOf(() => {
      sink += decodeInferRequest(frame, null).inputs.length;
      return encodeOurs(response);
    }),
    bothProtobufjs: microsecondsOf(() => {
      sink += RequestType.decode(frame).inputs.length;
      return encodeTheirs(response);
    }),
  });
}

if (options.json) console.log(JSON.stringify({ node: process.version, rows }, null, 2));
else
  console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, Number(v.toFixed(3))]))));
if (sink === 0) throw new Error('nothing was measured');
