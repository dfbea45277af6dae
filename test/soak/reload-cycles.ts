/**
 * Loads and unloads a model with 8 MiB of weights again and again over the repository API, asking it once each time. Every
 * fifth time a model that cannot load is tried as well: a failed load must leave nothing behind.
 *
 * With a GPU the model is on it, and what is in use there is compared after the first cycles and after the last.
 *
 * JavaScript's garbage is collected before memory is looked at: with so little traffic V8 lets up to 50 MiB of it wait, in and
 * outside its heap, which would hide a leak or look like one.
 */

import { ModelFolder, type ServedModel } from '../../bench/models/model-folder.ts';
import { seededNumbers } from '../../bench/models/seeded-numbers.ts';
import { residentBytes } from '../../bench/process/linux-process.ts';
import { loadModel, post, postOk, unloadModel } from '../../bench/process/model-control.ts';
import { gpuMemoryMb } from '../../bench/process/nvidia-smi.ts';
import { ServedProcess } from '../../bench/process/served-process.ts';
import { elem, floats, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { printTrend, type ResidentSample, residentTrend } from './resident-trend.ts';

const inputs = 1024;
const outputs = 2048;
const settledCycles = 20;
const comparedCycles = 5;
const brokenEvery = 5;
const deviceGrowthLimitMb = 64;
/** GPUs multiply FP32 as TF32. */
const tolerance = 1e-3;
const collectOnSignal = ['--expose-gc', '--import=data:text/javascript,process.on("SIGUSR2",()=>globalThis.gc())'];

const weights = seededNumbers(7)(inputs * outputs, 1);

const weighty: ServedModel = {
  name: 'weighty',
  onnx: model({
    nodes: [node('MatMul', ['INPUT', 'w'], ['OUTPUT'])],
    inputs: [valueInfo('INPUT', tensorType(elem.float, ['batch', inputs]))],
    outputs: [valueInfo('OUTPUT', tensorType(elem.float, ['batch', outputs]))],
    initializers: [initializer('w', elem.float, [inputs, outputs], floats(weights))],
  }),
  config: 'max_batch_size: 8\ndynamic_batching { }\n',
};

/** Its weights are there, its end is missing. */
const broken: ServedModel = { ...weighty, name: 'broken', onnx: weighty.onnx.subarray(0, weighty.onnx.length - 4096) };

/** Asks for the row of weights that a one-hot input selects. */
async function ask(server: ServedProcess, row: number): Promise<void> {
  const values = new Array<number>(inputs).fill(0);
  values[row] = 1;
  const text = await postOk(server, `models/${weighty.name}/infer`, {
    inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, inputs], data: values }],
  });
  const answer = JSON.parse(text) as { outputs: { data: number[] }[] };
  const got = answer.outputs[0].data;
  const isRight =
    got.length === outputs && got.every((value, i) => Math.abs(value - weights[row * outputs + i]) < tolerance);
  if (!isRight) throw new Error(`${weighty.name}: expected row ${row} of its weights, got ${got.slice(0, 4)} …`);
}

async function cycle(server: ServedProcess, count: number): Promise<void> {
  await loadModel(server, weighty.name);
  await ask(server, count % inputs);
  if (count % brokenEvery === 0) {
    const { status } = await post(server, `repository/models/${broken.name}/load`);
    if (status === 200) throw new Error(`${broken.name}: expected its load to fail, got status 200`);
  }
  await unloadModel(server, weighty.name);
}

/** Resident bytes without garbage. */
async function heldBytes(server: ServedProcess): Promise<number> {
  process.kill(server.pid, 'SIGUSR2');
  // The event loop may turn to the first of these before the signal, but not to the second.
  for (let turn = 0; turn < 2; turn++) await fetch(`${server.url}/v2/health/live`).then((answer) => answer.text());
  return residentBytes(server.pid);
}

/** What was in use on the GPU after the cycles that settle, and after the last; true without a GPU. */
function isDeviceFlat(settledMb: number | null, lastMb: number | null): boolean {
  if (settledMb === null || lastMb === null) {
    console.log('memory of a GPU: there is none');
    return true;
  }
  const grownMb = lastMb - settledMb;
  console.log(`memory of the GPU: ${settledMb} MB settled, ${lastMb} MB at the end, ${grownMb} MB more`);
  if (grownMb < deviceGrowthLimitMb) return true;
  console.log(`FAIL: expected less than ${deviceGrowthLimitMb} MB more`);
  return false;
}

/** True when memory stayed flat. Throws when a load, an answer or an unload was not as it should be. */
export async function soakReloads(cycles: number, serverFlags: readonly string[]): Promise<boolean> {
  const repository = new ModelFolder();
  repository.add(weighty);
  repository.add(broken);
  const samples: ResidentSample[] = [];
  let settledMb: number | null = null;
  let lastMb: number | null = null;
  try {
    const flags = ['--model-control-mode=explicit', ...serverFlags];
    const server = await ServedProcess.nereid(repository.path, null, flags, collectOnSignal);
    try {
      for (let count = 1; count <= cycles; count += 1) {
        await cycle(server, count);
        samples.push({ at: count, bytes: await heldBytes(server) });
        if (count === Math.min(settledCycles, cycles)) settledMb = gpuMemoryMb();
      }
      lastMb = gpuMemoryMb();
    } finally {
      await server.stop();
    }
  } finally {
    repository.remove();
  }
  const trend = residentTrend(samples, settledCycles, comparedCycles);
  console.log(`\n${cycles} load/unload cycles, settled after ${settledCycles}`);
  printTrend('cycle', samples, trend);
  return isDeviceFlat(settledMb, lastMb) && trend.isFlat;
}
