/**
 * `states`: whether some starts of the server are worse than others. Buffers outside of V8's heap make it collect the
 * whole heap again and again, and only in some processes: so each start has its row, with latencies beside collections
 * and buffers.
 */

import type { BenchCommand } from './bench-options.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan } from './load/load-plan.ts';
import { ModelFolder } from './models/model-folder.ts';
import { productsCases, productsModel } from './models/products-model.ts';
import { earlierMain, serverMain } from './paths.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { probeFlags, recordedLoad } from './process/probed-process.ts';
import { ServedProcess } from './process/served-process.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

const connections = 4;
const outstanding = 16;
const warmUpMs = 1000;

/** One start of the server at that entry, from its warm-up to its end. */
async function startOnce(main: string, repository: string, generator: Generator, command: BenchCommand) {
  const { measuredCpu } = choosePlacement();
  const flags = ['--log-info=false', ...command.serverFlags];
  const server = await ServedProcess.nereid(repository, measuredCpu, flags, probeFlags, main);
  try {
    const plan: LoadPlan = {
      protocol: 'grpc',
      port: server.grpcPort,
      connections,
      outstanding,
      cases: productsCases,
      checkEvery: 16,
      tolerance: 0,
      warmUpMs: 0,
      windowMs: command.windowMs,
      maxRequests: Number.MAX_SAFE_INTEGER,
      measuredPid: server.pid,
    };
    await generator.run({ ...plan, windowMs: warmUpMs });
    const { result, record } = await recordedLoad(server, plan, generator);
    const perThousand = (count: number): number => (count / result.succeeded) * 1000;
    return {
      'p50 ms': result.p50Us / 1000,
      'p99 ms': result.p99Us / 1000,
      'full collections/1000 req': perThousand(record.fullCollections),
      'young collections/1000 req': perThousand(record.collections - record.fullCollections),
      'buffers/1000 req': perThousand(record.bufferCount),
      'slabs/1000 req': perThousand(record.slabCount),
      'req/s': result.succeeded / result.seconds,
    };
  } finally {
    await server.stop();
  }
}

/** `--rounds` is the number of starts, `--before` another build that is started in turn with this one. */
export async function benchStates(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  repository.add(productsModel);
  const builds: (readonly [name: string, main: string])[] = [['now', serverMain]];
  if (command.before !== '') builds.unshift(['before', earlierMain(command.before)]);
  const generator = new Generator(placement.loadCpu);
  try {
    const starts = builds.map(([name, main]) => ({ name, main, measured: [] as Record<string, number>[] }));
    for (let start = 0; start < command.rounds; start += 1) {
      for (const { main, measured } of starts) {
        measured.push(await startOnce(main, repository.path, generator, command));
      }
      console.error(`states: start ${start + 1} of ${command.rounds}`);
    }
    const rows = starts.flatMap(({ name, measured }): ReportRow[] => [
      ...measured.map((each, i) => medianRow(`${name}, start ${i + 1}`, [each])),
      medianRow(`${name}, median`, measured),
    ]);
    const settings = { starts: command.rounds, secondsPerStart: command.windowMs / 1000 };
    publish('states', { ...settings, busyBefore: Number(busyBefore.toFixed(2)), placement: placement.text }, rows);
  } finally {
    generator.close();
    repository.remove();
  }
}
