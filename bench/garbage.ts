/**
 * `garbage`: garbage per request, and the time in which the event loop is stopped to collect it. The figures are
 * of the server's main isolate; buffers outside V8's heap are counted beside it.
 */

import type { BenchOptions } from './bench-options.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan } from './load/load-plan.ts';
import { type ServerLoad, serverPlan } from './load/server-load.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { probeFlags, recordedLoad } from './process/probed-process.ts';
import { ServedProcess } from './process/served-process.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

interface GarbageCase extends ServerLoad {
  readonly server: ServedProcess;
}

const warmUpMs = 500;

async function recorded(server: ServedProcess, plan: LoadPlan, generator: Generator) {
  // The server is warm before the record begins: allocations of start-up and compilation are not part of a request.
  await generator.run({ ...plan, warmUpMs: 0, windowMs: warmUpMs });
  const { result, record } = await recordedLoad(server, plan, generator);
  return {
    'heap bytes/req': record.allocatedBytes / result.succeeded,
    'collections/1000 req': (record.collections / result.succeeded) * 1000,
    'buffers/1000 req': (record.bufferCount / result.succeeded) * 1000,
    'slabs/1000 req': (record.slabCount / result.succeeded) * 1000,
    'GC pause us/req': record.pauseUs / result.succeeded,
    'GC % of time': (record.pauseUs / result.seconds / 1e6) * 100,
    'req/s': result.succeeded / result.seconds,
  };
}

export async function benchGarbage(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  repository.add(tinyModel);
  const generator = new Generator(placement.loadCpu);
  const servers: ServedProcess[] = [];
  const start = async (flags: readonly string[]): Promise<ServedProcess> => {
    const all = ['--log-info=false', ...flags, ...options.serverFlags];
    const server = await ServedProcess.nereid(repository.path, placement.measuredCpu, all, probeFlags);
    servers.push(server);
    return server;
  };
  try {
    const own = await start([]);
    const other = await start(['--grpc-transport=grpc-js']);
    const cases: GarbageCase[] = [
      { name: 'grpc tiny 4x16', protocol: 'grpc', cases: tinyCases, connections: 4, outstanding: 16, server: own },
      { name: 'grpc tiny 64x1', protocol: 'grpc', cases: tinyCases, connections: 64, outstanding: 1, server: own },
      {
        name: 'grpc tiny 4x16, grpc-js',
        protocol: 'grpc',
        cases: tinyCases,
        connections: 4,
        outstanding: 16,
        server: other,
      },
      { name: 'http tiny 64x1', protocol: 'http', cases: tinyCases, connections: 64, outstanding: 1, server: own },
    ];
    const rounds = new Map<string, Record<string, number>[]>();
    for (let round = 0; round < options.rounds; round++) {
      for (const each of cases.filter(({ name }) => name.includes(options.only))) {
        const { name, server } = each;
        const plan = serverPlan(server, each, { warmUpMs: 0, windowMs: options.windowMs });
        const metrics = await recorded(server, plan, generator);
        rounds.set(name, [...(rounds.get(name) ?? []), metrics]);
      }
    }
    const rows: ReportRow[] = [...rounds].map(([name, each]) => medianRow(name, each));
    const settings = { rounds: options.rounds, secondsPerRound: options.windowMs / 1000 };
    publish('garbage', { ...settings, busyBefore: Number(busyBefore.toFixed(2)), placement: placement.text }, rows);
  } finally {
    generator.close();
    for (const server of servers) await server.stop();
    repository.remove();
  }
}
