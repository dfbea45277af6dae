// Terminates worker threads at many moments while they load the addon. Its argument is the addon's path.

import { Worker } from 'node:worker_threads';

const threads = 60;
const moments = 30;
const stepNs = 40_000n;
const loads = `
  const { workerData } = require('node:worker_threads');
  const state = new Int32Array(workerData.shared);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
  require(workerData.addon);
  Atomics.store(state, 0, 2);`;

const [addon] = process.argv.slice(2);
let cutOff = 0;
for (let i = 0; i < threads; i++) {
  const shared = new SharedArrayBuffer(4);
  const state = new Int32Array(shared);
  const worker = new Worker(loads, { eval: true, workerData: { shared, addon } });
  Atomics.wait(state, 0, 0);
  const until = process.hrtime.bigint() + BigInt(i % moments) * stepNs;
  while (process.hrtime.bigint() < until);
  if (Atomics.load(state, 0) === 1) cutOff++;
  await worker.terminate();
}
console.log(`cut off: ${cutOff > 0}`);
