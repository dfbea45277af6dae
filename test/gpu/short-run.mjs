/**
 * A short run of the engine on a device, for checkers that make it slow: a small convolution network on two instances, batches
 * of changing size in one part and in many, every answer compared with the processor's. Needs the built server.
 *
 *   compute-sanitizer --target-processes all node test/gpu/short-run.mjs [--device=cuda|cpu]
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { plainSession } from '../../dist/engine/plain-session.js';
import { openEngine } from '../../dist/runtimes/open-engine.js';

const { values } = parseArgs({ options: { device: { type: 'string', default: 'cuda' } } });
if (values.device !== 'cuda' && values.device !== 'cpu') throw new Error('--device: expected cuda or cpu');

const rowElements = 8 * 8;
const batchRows = [1, 5, 64, 5, 1, 17];
/** FP32 is multiplied as TF32 on a GPU. */
const tolerance = 0.02;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const engine = openEngine({ libraryPath: null, cudaLibraryPaths: [], globalThreadPool: null, logger: silent });
const folder = fileURLToPath(new URL('../../model-repository/digits_cnn/1', import.meta.url));

const specOn = (device) => plainSession('digits_cnn:1', { path: `${folder}/model.onnx`, folder }, device);

const row = (index) => Float32Array.from({ length: rowElements }, (_, i) => ((i * 7 + index * 13) % 17) / 16);

/** One batch; `isWhole` hands its rows over in one part. */
function run(instance, rows, isWhole) {
  const parts = Array.from({ length: rows }, (_, i) => new Uint8Array(row(i).buffer));
  const given = isWhole ? [new Uint8Array(Buffer.concat(parts))] : parts;
  const batch = { inputs: [{ index: 0, shape: [rows, 1, 8, 8], parts: given }], outputs: [0] };
  return new Promise((resolve, reject) => {
    instance.submit(batch, (result) => {
      const { error, outputs } = result;
      const answer = error === null ? new Float32Array(Uint8Array.from(outputs[0].data).buffer) : null;
      result.release();
      if (answer === null) reject(error);
      else resolve(answer);
    });
  });
}

async function withInstances(device, use) {
  const session = await engine.openSession(specOn(device));
  const instances = [0, 1].map((i) => session.createInstance({ name: `run_${i}`, maxRows: 64 }));
  try {
    return await use(instances);
  } finally {
    for (const instance of instances) await instance.close();
    await session.close();
  }
}

let compared = 0;
await withInstances({ kind: 'cpu' }, ([reference]) =>
  withInstances(values.device === 'cpu' ? { kind: 'cpu' } : { kind: 'cuda', ordinal: 0 }, async (instances) => {
    for (const rows of batchRows) {
      const expected = await run(reference, rows, true);
      const answers = await Promise.all(instances.map((instance, i) => run(instance, rows, i === 0)));
      for (const answer of answers) {
        const isRight =
          answer.length === expected.length &&
          answer.every((value, i) => Math.abs(value - expected[i]) <= tolerance * Math.max(1, Math.abs(expected[i])));
        if (!isRight) throw new Error(`${rows} rows: expected ${expected.slice(0, 4)} …, got ${answer.slice(0, 4)} …`);
        compared += 1;
      }
    }
  }),
);
console.log(`${compared} batches on ${values.device} gave what the processor gives`);
