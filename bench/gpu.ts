/**
 * `gpu`: the share of a GPU's throughput that reaches callers. Each model over gRPC and HTTP against a bare C++ loop
 * over the same library with whole batches, once with inputs and outputs that lie on the device and once with upload
 * and download. With `--device=cpu` the same with small models on the processor, to try the bench where there is no
 * GPU.
 */

import type { BenchOptions } from './bench-options.ts';
import { type GpuBench, measureModel } from './gpu-model.ts';
import { GeneratorGroup, generatorCount } from './load/generator-group.ts';
import { printLimited } from './load/generator-limit.ts';
import { gpuModels } from './models/gpu-models.ts';
import { ModelFolder } from './models/model-folder.ts';
import { buildBareLoop } from './process/bare-loop.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { GpuSampler } from './process/nvidia-smi.ts';
import { ServedProcess } from './process/served-process.ts';
import { print, printTable, type ReportRow, reportOf, save } from './report.ts';

/** A server in mode explicit; replaced when it has died. */
class Serving {
  readonly #start: () => Promise<ServedProcess>;
  #server: ServedProcess | null = null;

  constructor(start: () => Promise<ServedProcess>) {
    this.#start = start;
  }

  async server(): Promise<ServedProcess> {
    this.#server ??= await this.#start();
    return this.#server;
  }

  /** Stops it, so that the next one starts afresh; returns the end of its log. */
  async stop(): Promise<string> {
    const server = this.#server;
    this.#server = null;
    await server?.stop();
    return server?.log.slice(-2000) ?? '';
  }
}

/** One model after the other. A model that fails is reported and left out. Resolves to true if none failed. */
export async function benchGpu(options: BenchOptions): Promise<boolean> {
  const whyNot = buildBareLoop();
  if (whyNot !== null) throw new Error(`gpu: the bare loop cannot be built: ${whyNot}`);
  const busyBefore = await machineBusyShare();
  const { device, isShort, rounds, windowMs, only } = options;
  const repository = new ModelFolder();
  const generators = new GeneratorGroup(generatorCount());
  const sampler = new GpuSampler();
  const bench: GpuBench = { device, isShort, rounds, windowMs, only, repository, generators, sampler };
  const flags = ['--model-control-mode=explicit', ...options.serverFlags];
  const serving = new Serving(() => ServedProcess.nereid(repository.path, null, flags));
  const rows: ReportRow[] = [];
  const begun = reportOf('gpu', {}, rows);
  const report = () => ({
    ...begun,
    settings: {
      ...{ device, rounds, secondsPerRound: windowMs / 1000, generators: generators.size },
      busyBefore: Number(busyBefore.toFixed(2)),
      leftOut: failed.join(' ') || 'nothing',
      ...(options.serverFlags.length > 0 ? { serverFlags: options.serverFlags.join(' ') } : {}),
    },
  });
  const failed: string[] = [];
  try {
    for (const model of gpuModels(device, isShort)) {
      const startMs = performance.now();
      try {
        const measured = await measureModel(bench, model, await serving.server());
        rows.push(...measured);
        printTable(measured);
        // Saved after each model, so that a later failure loses nothing.
        save(report());
      } catch (error) {
        failed.push(model.name);
        console.log(`${model.name}: left out: ${error instanceof Error ? error.message : error}`);
        console.log(await serving.stop());
      }
      console.log(`${model.name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
    }
    print(report());
    printLimited(rows, 'A load generator was at its limit, so that rows/s and latencies are partly its own in:');
    return failed.length === 0;
  } finally {
    generators.close();
    sampler.close();
    await serving.stop();
    repository.remove();
  }
}
