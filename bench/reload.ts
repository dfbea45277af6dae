/**
 * `reload`: latency of a model that is served while another is loaded and unloaded again and again, against the latency
 * of the same model in between, when nothing is loaded. Both are on the same device. On the CPU the other model has 400 MiB, and
 * a program beside the server opens and closes the same file in windows of their own: what such work costs on this machine,
 * whoever does it.
 */

import type { BenchOptions } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { fp32Bytes, type InferCase } from './load/infer-case.ts';
import { LatencyHistogram } from './load/latency-histogram.ts';
import { computeModel, computeRow, computeRowShape } from './models/compute-model.ts';
import { gpuModels } from './models/gpu-models.ts';
import { largeBareLoop, largeProducts } from './models/large-products.ts';
import { ModelFolder } from './models/model-folder.ts';
import { type BareDevice, type BareLoop, buildBareLoop } from './process/bare-loop.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { loadModel, unloadModel } from './process/model-control.ts';
import { ServedProcess } from './process/served-process.ts';
import { medianRow, publish } from './report.ts';

const cyclesWanted = { full: 20, short: 5 } as const;
/** The most rounds, because loads may be slow. */
const mostRounds = 8;
const target = 1.2;
const load = { protocol: 'grpc', connections: 4, outstanding: 2, checkEvery: 16, tolerance: 0.01 } as const;
const warmUpMs = 300;
const serves = 'serves';
const comesAndGoes = 'comes_and_goes';

const configOf = (device: BareDevice, rows: number): string => `max_batch_size: ${rows}
dynamic_batching { }
instance_group [ { count: 1 kind: ${device === 'cuda' ? 'KIND_GPU' : 'KIND_CPU'} } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`;

const caseCount = 4;
const cases: readonly InferCase[] = Array.from({ length: caseCount }, (_, i) => ({
  model: serves,
  shape: [1, ...computeRowShape],
  input: fp32Bytes(computeRow(i)),
  expected: null,
}));

/** The results of all windows of one kind. */
class Seen {
  readonly latencies = new LatencyHistogram();
  #answers = 0;
  #seconds = 0;

  async window(generator: Generator, server: ServedProcess, windowMs: number): Promise<void> {
    const result = await generator.run({
      ...load,
      port: server.grpcPort,
      cases,
      warmUpMs,
      windowMs,
      maxRequests: Number.MAX_SAFE_INTEGER,
      measuredPid: server.pid,
    });
    assertAnswered(result, 'reload');
    this.latencies.add(result.latencyCounts, result.maxUs);
    this.#answers += result.succeeded;
    this.#seconds += result.seconds;
  }

  get row(): Record<string, number> {
    return {
      'req/s': this.#answers / this.#seconds,
      'p50 us': this.latencies.quantileUs(0.5),
      'p99 us': this.latencies.quantileUs(0.99),
      'p99.9 us': this.latencies.quantileUs(0.999),
      'max us': this.latencies.maxUs,
    };
  }
}

const reload = (server: ServedProcess) => async (): Promise<void> => {
  await loadModel(server, comesAndGoes);
  await unloadModel(server, comesAndGoes);
};
const reopen = (bare: BareLoop) => async (): Promise<void> => {
  await bare.open(1);
  await bare.open(0);
};

/** Repeats until told to stop, a whole cycle at a time. */
function beginCycles(cycle: () => Promise<void>): { stop: () => Promise<number> } {
  let isOver = false;
  const running = (async () => {
    let cycles = 0;
    while (!isOver) {
      await cycle();
      cycles += 1;
    }
    return cycles;
  })();
  // `stop` reports a failure; until then it must not be an unhandled rejection.
  running.catch(() => undefined);
  return {
    stop: () => {
      isOver = true;
      return running;
    },
  };
}

/** How many whole cycles were made while `window` was measured. */
async function during(cycle: () => Promise<void>, window: () => Promise<void>): Promise<number> {
  const running = beginCycles(cycle);
  let cycles = 0;
  try {
    await window();
  } finally {
    cycles = await running.stop();
  }
  return cycles;
}

export async function benchReload(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const { device } = options;
  const wanted = options.isShort ? cyclesWanted.short : cyclesWanted.full;
  const isLarge = device === 'cpu' && !options.isShort;
  const [other] = gpuModels(device, true);
  const repository = new ModelFolder();
  repository.add({ ...computeModel, name: serves, config: configOf(device, 8) });
  const otherOnnx = isLarge ? largeProducts(comesAndGoes).onnx : other.onnx();
  const modelFile = repository.add({ name: comesAndGoes, onnx: otherOnnx, config: configOf(device, 1) });
  const whyNot = isLarge ? buildBareLoop() : null;
  if (whyNot !== null) console.error(`reload: nothing beside the server, the bare loop cannot be built: ${whyNot}`);
  const bare = isLarge && whyNot === null ? largeBareLoop(modelFile, repository.path) : null;
  const generator = new Generator(null);
  let server: ServedProcess | null = null;
  try {
    const flags = ['--model-control-mode=explicit', `--load-model=${serves}`, ...options.serverFlags];
    const serving = await ServedProcess.nereid(repository.path, null, flags);
    server = serving;
    const quiet = new Seen();
    const loading = new Seen();
    const beside = new Seen();
    let cycles = 0;
    // Once before anything is measured: the one-time set-up of a first load is no part of a reload.
    await reload(serving)();
    for (let round = 0; round < mostRounds && cycles < wanted; round += 1) {
      await quiet.window(generator, serving, options.windowMs / 2);
      cycles += await during(reload(serving), () => loading.window(generator, serving, options.windowMs));
      if (bare !== null) await during(reopen(bare), () => beside.window(generator, serving, options.windowMs));
      console.error(`reload: ${cycles} of ${wanted} loads`);
    }
    const ratio = loading.row['p99 us'] / quiet.row['p99 us'];
    const settings = {
      ...{
        device,
        loads: cycles,
        otherModel: isLarge ? 'products of 400 MiB' : other.name,
        busyBefore: Number(busyBefore.toFixed(2)),
      },
      'p99 ratio': Number(ratio.toFixed(3)),
    };
    publish('reload', settings, [
      medianRow('while nothing is loaded', [quiet.row]),
      medianRow('while another comes and goes', [loading.row]),
      ...(bare === null ? [] : [medianRow('while a program beside opens and closes it', [beside.row])]),
    ]);
    console.log(
      `p99 while loading / quiet = ${ratio.toFixed(2)} (target <= ${target}: ${ratio <= target ? 'met' : 'MISSED'})`,
    );
  } finally {
    generator.close();
    bare?.close();
    await server?.stop();
    repository.remove();
  }
}
