/**
 * `garbage`: garbage per request, and the time in which the event loop is stopped to collect it. The figure is
 * of the server's main isolate; buffers outside V8's heap are not in it.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { BenchOptions } from './bench-options.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan, Protocol } from './load/load-plan.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { type GcRecord, gcLinePrefix } from './process/gc-probe-line.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

interface GarbageCase {
  readonly name: string;
  readonly protocol: Protocol;
  readonly connections: number;
  readonly outstanding: number;
  readonly server: ServedProcess;
}

const warmUpMs = 500;
const recordTimeoutMs = 5000;

async function recorded(server: ServedProcess, plan: LoadPlan, generator: Generator) {
  // The server is warm before the record begins: allocations of start-up and compilation are not part of a request.
  await generator.run({ ...plan, warmUpMs: 0, windowMs: warmUpMs });
  const lineCount = linesOf(server).length;
  process.kill(server.pid, 'SIGUSR2');
  const result = await generator.run({ ...plan, warmUpMs: 0 });
  process.kill(server.pid, 'SIGUSR2');
  const untilMs = performance.now() + recordTimeoutMs;
  while (linesOf(server).length === lineCount && performance.now() < untilMs) await sleep(10);
  const line = linesOf(server)[lineCount];
  if (line === undefined) throw new Error('the server did not report its collections');
  if (result.failed > 0 || result.succeeded === 0) throw new Error(`requests failed: ${result.firstFailure}`);
  const record = JSON.parse(line.slice(gcLinePrefix.length)) as GcRecord;
  return {
    'heap bytes/req': record.allocatedBytes / result.succeeded,
    'collections/1000 req': (record.collections / result.succeeded) * 1000,
    'GC pause us/req': record.pauseUs / result.succeeded,
    'GC % of time': (record.pauseUs / result.seconds / 1e6) * 100,
    'req/s': result.succeeded / result.seconds,
  };
}

const linesOf = (server: ServedProcess): string[] =>
  server.log.split('\n').filter((line) => line.startsWith(gcLinePrefix));

export async function benchGarbage(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  repository.add(tinyModel);
  const generator = new Generator(placement.loadCpu);
  const servers: ServedProcess[] = [];
  const probe = [`--import=${fileURLToPath(new URL('./process/gc-probe.js', import.meta.url))}`];
  const start = async (flags: readonly string[]): Promise<ServedProcess> => {
    const all = ['--log-info=false', ...flags, ...options.serverFlags];
    const server = await ServedProcess.nereid(repository.path, placement.measuredCpu, all, probe);
    servers.push(server);
    return server;
  };
  try {
    const own = await start([]);
    const other = await start(['--grpc-transport=grpc-js']);
    const cases: GarbageCase[] = [
      { name: 'grpc tiny 4x16', protocol: 'grpc', connections: 4, outstanding: 16, server: own },
      { name: 'grpc tiny 64x1', protocol: 'grpc', connections: 64, outstanding: 1, server: own },
      { name: 'grpc tiny 4x16, grpc-js', protocol: 'grpc', connections: 4, outstanding: 16, server: other },
      { name: 'http tiny 64x1', protocol: 'http', connections: 64, outstanding: 1, server: own },
    ];
    const rounds = new Map<string, Record<string, number>[]>();
    for (let round = 0; round < options.rounds; round++) {
      for (const each of cases.filter(({ name }) => name.includes(options.only))) {
        const { name, protocol, connections, outstanding, server } = each;
        const plan: LoadPlan = {
          protocol,
          port: protocol === 'grpc' ? server.grpcPort : server.httpPort,
          connections,
          outstanding,
          cases: tinyCases,
          checkEvery: 16,
          tolerance: 1e-4,
          warmUpMs: 0,
          windowMs: options.windowMs,
          maxRequests: Number.MAX_SAFE_INTEGER,
          measuredPid: server.pid,
        };
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
