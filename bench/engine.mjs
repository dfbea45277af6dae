// The cost of one batch in the engine beyond ONNX Runtime's own run: JavaScript, the crossing, gathering, placing the
// outputs and, on the thread, the hop there and back. Needs the built server (npm run build).
//
//   node bench/engine.mjs            all rows, each mode in a process of its own
//
// cpu: µs of CPU of the whole process per batch. wall: µs per batch. infer: µs inside the runtime, as it was reported.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Written by test/models/onnx-writer.ts: y = x + x over FP32 [N,16], and x[:, :1, :32, :32] of FP32 [N,3,224,224].
const addModel =
  'CAgSC25lcmVpZC10ZXN0Ok8KFQoBeAoBeBIBeRoFQWRkX3kiA0FkZBIKdGVzdF9ncmFwaFoUCgF4Eg8KDQgBEgkKAxIBTgoCCBBiFAoBeRIPCg0IARIJ' +
  'CgMSAU4KAggQQgQKABAR';
const sliceModel =
  'CAgSC25lcmVpZC10ZXN0OtQBCh8KAXgKAWIKAWUKAWESAXkaB1NsaWNlX3kiBVNsaWNlEgp0ZXN0X2dyYXBoKiEIAxAHQgFiShgAAAAAAAAAAAAAAAAA' +
  'AAAAAAAAAAAAAAAqIQgDEAdCAWVKGAEAAAAAAAAAIAAAAAAAAAAgAAAAAAAAACohCAMQB0IBYUoYAQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAWh4KAXgS' +
  'GQoXCAESEwoDEgFOCgIIAwoDCOABCgMI4AFiHAoBeRIXChUIARIRCgMSAU4KAggBCgIIIAoCCCBCBAoAEBE=';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const rounds = 5;

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/**
 * Runs `count` batches one after the other, taken in turn, without growing the stack where they run inline. `held` results are kept back before the first is released, so that batches write to `held + 1` slabs in turn.
 */
const runBatches = (instance, batches, count, times, held) =>
  new Promise((resolve, reject) => {
    let left = count;
    const waiting = [];
    let isLooping = false;
    let isDone = true;
    const done = (result) => {
      if (result.error !== null) return reject(result.error);
      times.inferNs += result.inferNs;
      waiting.push(result);
      if (waiting.length > held) waiting.shift().release();
      isDone = true;
      if (!isLooping) loop();
    };
    const loop = () => {
      isLooping = true;
      while (isDone && left > 0) {
        isDone = false;
        left--;
        instance.submit(batches[left % batches.length], done);
      }
      isLooping = false;
      if (!isDone || left > 0) return;
      for (const result of waiting.splice(0)) result.release();
      resolve();
    };
    loop();
  });

async function measure(instance, batches, count, held = 0) {
  const rows = [];
  await runBatches(instance, batches, Math.min(count, 5000), { inferNs: 0 }, held);
  for (let round = 0; round < rounds; round++) {
    const times = { inferNs: 0 };
    const cpu = process.cpuUsage();
    const start = performance.now();
    await runBatches(instance, batches, count, times, held);
    const wallUs = ((performance.now() - start) * 1000) / count;
    const { user, system } = process.cpuUsage(cpu);
    rows.push({ cpuUs: (user + system) / count, wallUs, inferUs: times.inferNs / count / 1000 });
  }
  return {
    cpuUs: median(rows.map(({ cpuUs }) => cpuUs)),
    wallUs: median(rows.map(({ wallUs }) => wallUs)),
    inferUs: median(rows.map(({ inferUs }) => inferUs)),
  };
}

const parts = (count, bytes) => Array.from({ length: count }, () => new Uint8Array(bytes));

async function runMode(allowInline) {
  const { openEngine } = await import('../dist/runtimes/open-engine.js');
  const { plainSession } = await import('../dist/engine/plain-session.js');
  const engine = openEngine({
    libraryPath: null,
    cudaLibraryPaths: [],
    globalThreadPool: null,
    logger: silent,
    allowInline,
  });
  const folder = mkdtempSync(join(tmpdir(), 'nereid-bench-'));
  const open = async (name, base64) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from(base64, 'base64'));
    return engine.openSession(plainSession(`${name}:1`, { path, folder }, { kind: 'cpu' }));
  };
  try {
    const tiny = await open('add.onnx', addModel);
    for (const count of [1, 8, 32]) {
      const instance = tiny.createInstance({ name: 'bench_0', maxRows: 32 });
      const batch = { inputs: [{ index: 0, shape: [count, 16], parts: parts(count, 64) }], outputs: [0] };
      report(
        allowInline,
        `add 16, ${count} part(s) of 64 B`,
        await measure(instance, [batch], allowInline ? 100_000 : 10_000),
      );
      await instance.close();
    }
    if (allowInline) await measureRebinding(tiny);
    await tiny.close();
    const image = await open('slice.onnx', sliceModel);
    for (const count of [1, 4]) {
      const instance = image.createInstance({ name: 'bench_0', maxRows: 4 });
      const shape = [count, 3, 224, 224];
      const batch = { inputs: [{ index: 0, shape, parts: parts(count, 602_112) }], outputs: [0] };
      report(allowInline, `slice of ${count} part(s) of 602112 B`, await measure(instance, [batch], 2000));
      await instance.close();
    }
    await image.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The cost of a tensor that lies elsewhere than in the previous batch: a value of the runtime is made and bound anew.
 */
async function measureRebinding(session) {
  const rows = 256;
  const batches = Array.from({ length: 4 }, () => ({
    inputs: [{ index: 0, shape: [rows, 16], parts: parts(1, rows * 64) }],
    outputs: [0],
  }));
  const cases = [
    ['1 part of 16 KB, same places', batches.slice(0, 1), 0],
    ['1 part of 16 KB, 4 inputs in turn', batches, 0],
    ['1 part of 16 KB, 2 output slabs', batches.slice(0, 1), 1],
    ['1 part of 16 KB, 4 inputs, 2 slabs', batches, 1],
  ];
  for (const [name, given, held] of cases) {
    const instance = session.createInstance({ name: 'bench_0', maxRows: rows });
    report(true, name, await measure(instance, given, 50_000, held));
    await instance.close();
  }
}

function report(allowInline, what, { cpuUs, wallUs, inferUs }) {
  const figures = [cpuUs, wallUs, inferUs, wallUs - inferUs].map((us) => us.toFixed(2).padStart(9)).join(' ');
  console.log(`${(allowInline ? 'inline' : 'thread').padEnd(7)} ${what.padEnd(34)} ${figures}`);
}

const mode = process.argv[2];
if (mode === undefined) {
  console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, median of ${rounds} rounds`);
  console.log(`mode    batch                                    cpu      wall     infer  wall-infer   (µs per batch)`);
  for (const each of ['inline', 'thread']) {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), each], { stdio: 'inherit' });
    if (status !== 0) process.exit(1);
  }
} else await runMode(mode === 'inline');
