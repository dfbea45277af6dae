/**
 * Cost of the JSON reader and writer of the HTTP frontend against `JSON.parse` and `JSON.stringify` on the same request,
 * in µs of CPU. Usage: node bench/json.mjs [--dist=DIR] [--json]; DIR holds the compiled server, `dist` by default.
 */

import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { dist: { type: 'string', default: 'dist' }, json: { type: 'boolean', default: false } },
});
const compiled = (path) => new URL(`${options.dist}/frontends/http/${path}`, `file://${process.cwd()}/`).href;
const { decodeInferRequest } = await import(compiled('infer/request-codec.js'));
const { InferAnswer } = await import(compiled('infer/response-codec.js'));

const rounds = 9;
const roundMs = 100;
const target = { modelName: 'm', modelVersion: '', maxInputBytes: 2 ** 26 };

const header = {
  inputs: [{ name: 'INPUT0', shape: [1, 16], datatype: 'FP32', parameters: { binary_data_size: 64 } }],
  outputs: [{ name: 'OUTPUT0', parameters: { binary_data: true } }],
};
const headerJson = Buffer.from(JSON.stringify(header));
const headerBody = Buffer.concat([headerJson, Buffer.alloc(64)]);

const tensor = (datatype, data) =>
  Buffer.from(JSON.stringify({ inputs: [{ name: 'X', shape: [data.length], datatype, data }] }));
const sines = Array.from({ length: 1024 }, (_, i) => Math.sin(i));
const floats = sines.map(Math.fround);
const integers = sines.map((value) => Math.round(value * 1e6));

const cases = {
  'header of a 64 B binary request': [
    () => decodeInferRequest(headerBody, headerJson.length, target, null),
    () => JSON.parse(headerBody.toString('utf8', 0, headerJson.length)),
  ],
};
for (const [name, datatype, data] of [
  ['1024 FP32 of 17 digits', 'FP32', sines],
  ['1024 FP32 of 7 digits', 'FP32', sines.map((value) => Number(value.toFixed(7)))],
  ['1024 FP64 of 17 digits', 'FP64', sines],
  ['1024 INT32', 'INT32', integers],
  ['1024 INT64', 'INT64', integers],
  ['1024 BYTES', 'BYTES', integers.map(String)],
]) {
  const body = tensor(datatype, data);
  cases[`read ${name}`] = [() => decodeInferRequest(body, null, target, null), () => JSON.parse(body.toString('utf8'))];
}
const decoded = {
  request: { outputs: [] },
  isBinaryByDefault: false,
  binaryNames: new Set(),
};
for (const [name, datatype, data, array] of [
  ['1024 FP32', 'FP32', floats, Float32Array],
  ['1024 INT32', 'INT32', integers, Int32Array],
  ['1024 INT64', 'INT64', integers, BigInt64Array],
]) {
  const bytes = new Uint8Array(array.from(data, array === BigInt64Array ? BigInt : Number).buffer);
  const outputs = [{ name: 'Y', datatype, shape: [1024], data: bytes, labels: [], classificationCount: 0 }];
  const response = { modelName: 'm', modelVersion: '1', id: '', parameters: new Map(), outputs, isBatched: false };
  const plain = { model_name: 'm', model_version: '1', outputs: [{ name: 'Y', datatype, shape: [1024], data }] };
  cases[`write ${name}`] = [() => new InferAnswer(response, decoded).text(), () => JSON.stringify(plain)];
}

let sink;

/** CPU and not wall time, which on a busy machine measures its other users. */
function microseconds(run) {
  const startMs = performance.now();
  const before = process.cpuUsage();
  let count = 0;
  while (performance.now() - startMs < roundMs) {
    for (let i = 0; i < 20; i++) sink = run();
    count += 20;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

const results = [];
for (const [name, [ours, native]] of Object.entries(cases)) {
  const times = [[], []];
  for (let round = 0; round < rounds; round++) {
    times[0].push(microseconds(ours));
    times[1].push(microseconds(native));
  }
  const [oursUs, nativeUs] = times.map((runs) => runs.sort((a, b) => a - b)[Math.floor(rounds / 2)]);
  results.push({ name, oursUs, nativeUs });
  if (!options.json) {
    console.log(
      `${name.padEnd(34)} ${oursUs.toFixed(2).padStart(8)} µs, JSON.parse/stringify ${nativeUs.toFixed(2).padStart(8)} µs`,
    );
  }
}
if (options.json) console.log(JSON.stringify(results));
if (sink === undefined) process.exitCode = 1;
