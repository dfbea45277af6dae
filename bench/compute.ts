/**
 * `compute`: how much of the processor's arithmetic a compute-bound model gets through the server. Rows per second over
 * gRPC with enough requests waiting for full batches, against a bare C++ loop over the same library with the same
 * batches, in turn, round by round. Each side computes on one thread.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { BenchOptions } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { fp32Bytes, type InferCase } from './load/infer-case.ts';
import {
  computeBatchRows,
  computeModel,
  computeOutputElements,
  computeRow,
  computeRowElements,
  computeRowShape,
} from './models/compute-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { BareLoop, type BareLoopInput, buildBareLoop } from './process/bare-loop.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { batchCounts } from './process/model-control.ts';
import { ServedProcess } from './process/served-process.ts';
import { median, medianRow, publish } from './report.ts';

const batchCount = 4;
const tolerance = 1e-3;
const warmUpMs = 500;
const target = 0.97;
/** Requests for four batches: one runs, one waits completely, the rest are in transit. */
const load = { connections: 4, outstanding: 8 } as const;

/** Rows of all batches, in order. */
function allRows(): Float32Array {
  const rows = new Float32Array(batchCount * computeBatchRows * computeRowElements);
  for (let i = 0; i < batchCount * computeBatchRows; i += 1) rows.set(computeRow(i), i * computeRowElements);
  return rows;
}

/** One request per row; the bare loop's answers are the expected ones. */
function casesOf(rows: Float32Array, answers: Float32Array): InferCase[] {
  return Array.from({ length: batchCount * computeBatchRows }, (_, i) => ({
    model: computeModel.name,
    shape: [1, ...computeRowShape],
    input: fp32Bytes(rows.slice(i * computeRowElements, (i + 1) * computeRowElements)),
    expected: answers.slice(i * computeOutputElements, (i + 1) * computeOutputElements),
  }));
}

async function compare(
  bare: BareLoop,
  server: ServedProcess,
  generator: Generator,
  cases: readonly InferCase[],
  options: BenchOptions,
) {
  const bareRounds: Record<string, number>[] = [];
  const servedRounds: Record<string, number>[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const alone = await bare.run(options.windowMs);
    const aloneUsPerRow = alone.cpuUs / alone.rows;
    bareRounds.push({
      'rows/s': alone.rows / alone.seconds,
      'CPU us/row': aloneUsPerRow,
      'compute thread us/row': aloneUsPerRow,
    });
    const served = await generator.run({
      protocol: 'grpc',
      port: server.grpcPort,
      ...load,
      cases,
      checkEvery: 1,
      tolerance,
      warmUpMs,
      windowMs: options.windowMs,
      maxRequests: Number.MAX_SAFE_INTEGER,
      measuredPid: server.pid,
    });
    assertAnswered(served, 'compute: served over gRPC');
    servedRounds.push({
      'rows/s': served.succeeded / served.seconds,
      'CPU us/row': served.serverCpuUs / served.succeeded,
      'compute thread us/row': served.busiestThreadCpuUs / served.succeeded,
    });
    console.error(`compute: round ${round + 1} of ${options.rounds}`);
  }
  return { bareRounds, servedRounds };
}

export async function benchCompute(options: BenchOptions): Promise<void> {
  const whyNot = buildBareLoop();
  if (whyNot !== null) {
    console.log(`compute: skipped, the bare loop cannot be built: ${whyNot}`);
    return;
  }
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  const modelFile = repository.add(computeModel);
  const rowsFile = join(repository.path, 'rows.f32');
  const rows = allRows();
  writeFileSync(rowsFile, fp32Bytes(rows));
  const bareInput: BareLoopInput = {
    modelFile,
    rowsFile,
    threads: 1,
    device: 'cpu',
    datatype: 'FP32',
    outputElementsPerRow: computeOutputElements,
    rowShape: computeRowShape,
  };
  const bare = new BareLoop(bareInput, placement.measuredCpu);
  const generator = new Generator(placement.loadCpu);
  let server: ServedProcess | null = null;
  try {
    await bare.bind('host', computeBatchRows, batchCount);
    const cases = casesOf(rows, await bare.answers());
    await bare.bind('resident', computeBatchRows, batchCount);
    // Not pinned: its compute thread and its event loop are two threads, and the generator shares with the latter.
    server = await ServedProcess.nereid(repository.path, null, options.serverFlags);
    const { bareRounds, servedRounds } = await compare(bare, server, generator, cases, options);
    const ratios = servedRounds.map((served, i) => served['rows/s'] / bareRounds[i]['rows/s']);
    const served = await batchCounts(server, computeModel.name);
    const settings = {
      rounds: options.rounds,
      secondsPerRound: options.windowMs / 1000,
      batchRows: computeBatchRows,
      busyBefore: Number(busyBefore.toFixed(2)),
      computeThreads: 1,
      meanBatchRows: Number((served.rows / served.batches).toFixed(2)),
      ratio: Number(median(ratios).toFixed(3)),
    };
    publish('compute', settings, [medianRow('bare C++ loop', bareRounds), medianRow('served over gRPC', servedRounds)]);
    console.log(
      `served / bare = ${settings.ratio} (target >= ${target}: ${settings.ratio >= target ? 'met' : 'MISSED'})`,
    );
  } finally {
    bare.close();
    generator.close();
    await server?.stop();
    repository.remove();
  }
}
