/** One model of `gpu`: in the bare loop in both modes, and served under every load, in turn. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { batchSizes, type GpuLoad, gpuLoads, isCapacity, largestBatch, loadTitle } from './gpu-loads.ts';
import { assertAnswered } from './load/answered-load.ts';
import type { GeneratorGroup } from './load/generator-group.ts';
import { generatorBusy } from './load/generator-limit.ts';
import type { InferCase } from './load/infer-case.ts';
import type { GpuModel } from './models/gpu-models.ts';
import type { ModelFolder } from './models/model-folder.ts';
import { type BareDevice, BareLoop, type BareMode } from './process/bare-loop.ts';
import { batchCounts, loadModel, unloadModel } from './process/model-control.ts';
import type { GpuSampler } from './process/nvidia-smi.ts';
import type { ServedProcess } from './process/served-process.ts';
import type { Metrics } from './ratios.ts';
import { medianRow, type ReportRow } from './report.ts';

/** The parts that all models share. */
export interface GpuBench {
  readonly device: BareDevice;
  readonly isShort: boolean;
  readonly rounds: number;
  readonly windowMs: number;
  readonly only: string;
  readonly repository: ModelFolder;
  readonly generators: GeneratorGroup;
  readonly sampler: GpuSampler;
}

/** Kernels for batches of other sizes round differently, FP16 most of all, and FP32 is TF32 on a GPU. */
const tolerance = 0.05;
const checkEvery = 16;
const longestWarmUpMs = 400;
/** So that the bare loop does not read one batch from the caches of the processor again and again. */
const bareBatches = 2;
const bareModes: readonly BareMode[] = ['resident', 'host'];

const warmUpMsOf = ({ windowMs }: GpuBench): number => Math.min(longestWarmUpMs, windowMs);

type Served = Pick<GpuLoad, 'instances' | 'usesGraphs'>;

const plain: Served = { instances: 1, usesGraphs: false };

const configOf = (device: BareDevice, { instances, usesGraphs }: Served): string =>
  `max_batch_size: ${largestBatch(device)}
dynamic_batching { }
instance_group [ { count: ${instances} kind: ${device === 'cuda' ? 'KIND_GPU' : 'KIND_CPU'} } ]
${usesGraphs ? 'optimization { cuda { graphs: true } }\n' : ''}`;

const servedName = (model: GpuModel, { instances, usesGraphs }: Served): string =>
  `${model.name}${instances === 1 ? '' : `_x${instances}`}${usesGraphs ? '_graphs' : ''}`;

const bareKey = (mode: BareMode, batch: number): string => `${mode} ${batch}`;

/** One request per row; the bare loop's answers are the expected ones. */
function casesOf(model: GpuModel, answers: Float32Array): InferCase[] {
  const size = model.outputElements;
  return model.rows.map((input, i) => ({
    model: model.name,
    datatype: model.datatype,
    shape: [1, ...model.rowShape],
    input,
    expected: answers.slice(i * size, (i + 1) * size),
  }));
}

/** Rows per second of the bare loop, by mode and batch. */
async function runBare(bench: GpuBench, bare: BareLoop, rounds: Map<string, Metrics[]>): Promise<Map<string, number>> {
  const rates = new Map<string, number>();
  for (const batch of batchSizes(bench.device, bench.isShort)) {
    for (const mode of bareModes) {
      await bare.bind(mode, batch, bareBatches);
      await bare.run(warmUpMsOf(bench));
      const startMs = performance.now();
      const { rows, seconds, cpuUs } = await bare.run(bench.windowMs);
      const rate = rows / seconds;
      rates.set(bareKey(mode, batch), rate);
      rounds.get(`bare C++ loop, ${mode}, batch ${batch}`)?.push({
        'rows/s': rate,
        '/ resident': Number.NaN,
        '/ host': Number.NaN,
        'p50 us': ((seconds * 1e6) / rows) * batch,
        'p99 us': Number.NaN,
        'rows/batch': batch,
        'CPU us/row': cpuUs / rows,
        'GPU %': bench.sampler.meanPercent(startMs, performance.now()),
        [generatorBusy]: Number.NaN,
      });
    }
  }
  return rates;
}

async function runServed(
  bench: GpuBench,
  server: ServedProcess,
  cases: readonly InferCase[],
  load: GpuLoad,
  capacity: number,
): Promise<Metrics> {
  const name = cases[0].model;
  const before = await batchCounts(server, name);
  const warmUpMs = warmUpMsOf(bench);
  const startMs = performance.now() + warmUpMs;
  const result = await bench.generators.run({
    protocol: load.protocol,
    port: load.protocol === 'grpc' ? server.grpcPort : server.httpPort,
    connections: load.connections,
    outstanding: load.outstanding,
    ...(load.openShare === null ? {} : { requestsPerSecond: load.openShare * capacity }),
    cases,
    checkEvery,
    tolerance,
    warmUpMs,
    windowMs: bench.windowMs,
    maxRequests: Number.MAX_SAFE_INTEGER,
    measuredPid: server.pid,
  });
  assertAnswered(result, load.name);
  const after = await batchCounts(server, name);
  return {
    'rows/s': result.succeeded / result.seconds,
    '/ resident': Number.NaN,
    '/ host': Number.NaN,
    'p50 us': result.p50Us,
    'p99 us': result.p99Us,
    'rows/batch': (after.rows - before.rows) / (after.batches - before.batches),
    'CPU us/row': result.serverCpuUs / result.succeeded,
    'GPU %': bench.sampler.meanPercent(startMs, startMs + bench.windowMs),
    // In an open loop it always looks at the clock.
    [generatorBusy]: load.openShare === null ? (result.generatorCpuUs / result.seconds / 1e6) * 100 : Number.NaN,
  };
}

/** Adds ratios to the bare loop with batches of the same size. Open loops have none: they answer the given rate. */
function compared(metrics: Metrics, load: GpuLoad, bareRates: ReadonlyMap<string, number>): Metrics {
  if (load.openShare !== null) return metrics;
  const ratio = (mode: BareMode): number =>
    metrics['rows/s'] / (bareRates.get(bareKey(mode, load.batch)) ?? Number.NaN);
  return { ...metrics, '/ resident': ratio('resident'), '/ host': ratio('host') };
}

/** The median rows of one model. Throws when the model does not load or a request fails; the server is the caller's. */
export async function measureModel(bench: GpuBench, model: GpuModel, server: ServedProcess): Promise<ReportRow[]> {
  const { device, repository } = bench;
  const loads = gpuLoads(device, bench.isShort).filter((load) => loadTitle(model.name, load).includes(bench.only));
  if (loads.length === 0) return [];
  const onnx = model.onnx();
  const modelFile = repository.add({ name: model.name, onnx, config: configOf(device, plain) });
  const others = new Map(loads.map((load) => [servedName(model, load), load]));
  others.delete(model.name);
  for (const [name, load] of others) repository.add({ name, onnx, config: configOf(device, load) });
  const rowsFile = join(repository.path, `${model.name}.rows`);
  writeFileSync(rowsFile, Buffer.concat(model.rows));

  const { datatype, rowShape, outputElements: outputElementsPerRow } = model;
  const bare = new BareLoop(
    { modelFile, rowsFile, threads: 1, device, datatype, outputElementsPerRow, rowShape },
    null,
  );
  const loaded: string[] = [];
  try {
    await bare.bind('host', model.rows.length, 1);
    const cases = casesOf(model, await bare.answers());
    const bareNames = batchSizes(device, bench.isShort).flatMap((batch) =>
      bareModes.map((mode) => `bare C++ loop, ${mode}, batch ${batch}`),
    );
    const rounds = new Map<string, Metrics[]>(
      [...bareNames, ...loads.map(({ name }) => name)].map((name) => [name, []]),
    );
    for (let round = 0; round < bench.rounds; round += 1) {
      const bareRates = await runBare(bench, bare, rounds);
      let capacity = bareRates.get(bareKey('host', largestBatch(device))) ?? 0;
      for (const load of loads) {
        const name = servedName(model, load);
        if (!loaded.includes(name)) {
          for (const earlier of loaded.splice(0)) await unloadModel(server, earlier);
          await loadModel(server, name);
          loaded.push(name);
        }
        const asked = name === model.name ? cases : cases.map((each) => ({ ...each, model: name }));
        const metrics = await runServed(bench, server, asked, load, capacity);
        if (isCapacity(load, device)) capacity = metrics['rows/s'];
        rounds.get(load.name)?.push(compared(metrics, load, bareRates));
      }
    }
    for (const name of loaded.splice(0)) await unloadModel(server, name);
    return [...rounds].map(([name, metrics]) => medianRow(`${model.name}, ${name}`, metrics));
  } finally {
    bare.close();
  }
}
