// A process or a worker that uses the built engine; its first argument or its worker data selects the action.

import { execFileSync } from 'node:child_process';
import { open } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { leaveProcess } from '../../dist/engine/leave-process.js';
import { plainSession } from '../../dist/engine/plain-session.js';
import { openEngine } from '../../dist/runtimes/open-engine.js';

const [what, path, folder] = isMainThread ? process.argv.slice(2) : workerData;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const engine = openEngine({ libraryPath: null, cudaLibraryPaths: [], globalThreadPool: null, logger: silent });
const session = await engine.openSession(plainSession('fixture:1', { path, folder }, { kind: 'cpu' }));
const instance = session.createInstance({ name: 'fixture_0', maxRows: 0 });

let ticket = null;

/** x → y, both FP32 scalars; the endless model takes the number of turns first. */
const infer = (turns) =>
  new Promise((resolve, reject) => {
    const inputs = [{ index: 0, shape: [], parts: [new Uint8Array(BigInt64Array.of(turns).buffer)] }];
    inputs.push({ index: 1, shape: [], parts: [new Uint8Array(Float32Array.of(1).buffer)] });
    ticket = instance.submit({ inputs, outputs: [0] }, (result) => {
      if (result.error !== null) return reject(result.error);
      const { data } = result.outputs[0];
      const value = new DataView(data.buffer, data.byteOffset).getFloat32(0, true);
      result.release();
      resolve(value);
    });
  });

const say = (text) => (isMainThread ? console.log(text) : parentPort.postMessage(text));

say(`8 = ${await infer(3n)}`);
if (what === 'leave open') say('left');
else if (what === 'close') {
  await instance.close();
  await session.close();
  say('closed');
} else {
  infer(2n ** 62n).catch(() => undefined);
  // Long enough for the batch to be under way.
  await new Promise((resolve) => setTimeout(resolve, 50));
  say('running');
  if (what === 'exit') process.exit(7);
  if (what === 'leave at once') {
    // A pipe without a writer: the open never returns, and `process.exit` would wait for it.
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    open(pipe, () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    leaveProcess(9);
  }
  if (what === 'throw') throw new Error('on purpose');
  if (what === 'terminate') ticket.end();
}
