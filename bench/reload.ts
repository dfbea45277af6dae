/**
 * `reload`: latency of a model that is served while another is loaded and unloaded again and again, against the latency
 * of the same model in between, when nothing is loaded. Both are on the same device.
 */

import type { BenchOptions } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { fp32Bytes, type InferCase } from './load/infer-case.ts';
import { LatencyHistogram } from './load/latency-histogram.ts';
import { computeModel, computeRow, computeRowShape } from './models/compute-model.ts';
import { gpuModels } from './models/gpu-models.ts';
import { ModelFolder } from './models/model-folder.ts';
import type { BareDevice } from './process/bare-loop.ts';
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

/** Loads and unloads until told to stop, a whole cycle at a time. */
function beginCycles(server: ServedProcess): { stop: () => Promise<number> } {
  let isOver = false;
  const running = (async () => {
    let cycles = 0;
    while (!isOver) {
      await loadModel(server, comesAndGoes);
      await unloadModel(server, comesAndGoes);
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

export async function benchReload(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const { device } = options;
  const wanted = options.isShort ? cyclesWanted.short : cyclesWanted.full;
  const [other] = gpuModels(device, true);
  const repository = new ModelFolder();
  repository.add({ ...computeModel, name: serves, config: configOf(device, 8) });
  repository.add({ name: comesAndGoes, onnx: other.onnx(), config: configOf(device, 1) });
  const generator = new Generator(null);
  let server: ServedProcess | null = null;
  try {
    const flags = ['--model-control-mode=explicit', `--load-model=${serves}`, ...options.serverFlags];
    server = await ServedProcess.nereid(repository.path, null, flags);
    const quiet = new Seen();
    const loading = new Seen();
    let cycles = 0;
    // Once before anything is measured: the one-time set-up of a first load is no part of a reload.
    await loadModel(server, comesAndGoes);
    await unloadModel(server, comesAndGoes);
    for (let round = 0; round < mostRounds && cycles < wanted; round += 1) {
      await quiet.window(generator, server, options.windowMs / 2);
      const running = beginCycles(server);
      try {
        await loading.window(generator, server, options.windowMs);
      } finally {
        cycles += await running.stop();
      }
      console.error(`reload: ${cycles} of ${wanted} loads`);
    }
    const ratio = loading.row['p99 us'] / quiet.row['p99 us'];
    const settings = {
      ...{ device, loads: cycles, otherModel: other.name, busyBefore: Number(busyBefore.toFixed(2)) },
      'p99 ratio': Number(ratio.toFixed(3)),
    };
    publish('reload', settings, [
      medianRow('while nothing is loaded', [quiet.row]),
      medianRow('while another comes and goes', [loading.row]),
    ]);
    console.log(
      `p99 while loading / quiet = ${ratio.toFixed(2)} (target <= ${target}: ${ratio <= target ? 'met' : 'MISSED'})`,
    );
  } finally {
    generator.close();
    await server?.stop();
    repository.remove();
  }
}
