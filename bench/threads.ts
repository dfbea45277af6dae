/**
 * `threads`: the same load on servers with one, two, four … frontend threads, all alive and measured in turn. Nothing is
 * pinned: servers and load generators share all processors, as they do where a service runs beside its callers. Rows name
 * how busy the busiest generator was: at 100 % it was the limit.
 */

import { availableParallelism } from 'node:os';
import type { BenchOptions } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { GeneratorGroup, generatorCount } from './load/generator-group.ts';
import { measureLoad, type ServerLoad } from './load/server-load.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { type Metrics, rowsWithRatios } from './ratios.ts';
import { publish } from './report.ts';

const warmUpMs = 500;
const mostThreads = 8;
/** With more processors than this, sixteen callers who wait for their answers are too few to keep the server busy. */
const fewProcessors = 4;

/** Connections and requests under way on each for a machine with many processors; HTTP/1.1 has one on each. */
const manyCallers = { grpc: { connections: 64, outstanding: 8 }, http: { connections: 256, outstanding: 1 } } as const;

const heats: readonly ServerLoad[] = (['grpc', 'http'] as const)
  .flatMap((protocol) => [
    { protocol, what: 'tiny 64 B', cases: tinyCases, connections: 16, outstanding: protocol === 'grpc' ? 4 : 1 },
    { protocol, what: 'tiny 64 B', cases: tinyCases, connections: 64, outstanding: 1 },
    ...(availableParallelism() > fewProcessors
      ? [{ protocol, what: 'tiny 64 B', cases: tinyCases, ...manyCallers[protocol] }]
      : []),
    { protocol, what: 'image 602 KB', cases: imageCases, connections: 16, outstanding: 1 },
  ])
  .map(({ what, ...load }) => ({
    ...load,
    name: `${load.protocol} ${what} ${load.connections}x${load.outstanding}`,
  }));

/** Those asked for, else 1, 2, 4 … up to the number of processors, but at least two. */
function threadCounts(wanted: readonly number[]): readonly number[] {
  if (wanted.length > 0) return wanted;
  const counts = [1, 2];
  for (let next = 4; next <= Math.min(mostThreads, availableParallelism()); next *= 2) counts.push(next);
  return counts;
}

export async function benchThreads(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const repository = new ModelFolder();
  repository.add(tinyModel);
  repository.add(imageModel);
  const generator = new GeneratorGroup(generatorCount());
  const counts = threadCounts(options.threads);
  const servers = new Map<string, ServedProcess>();
  try {
    for (const count of counts) {
      const flags = [`--frontend-threads=${count}`, ...options.serverFlags];
      servers.set(`threads=${count}`, await ServedProcess.nereid(repository.path, null, flags));
    }
    const chosen = heats.filter(
      (heat) => heat.name.includes(options.only) && !(options.isShort && heat.protocol === 'http'),
    );
    const measured = chosen.map(() => new Map<string, Metrics[]>([...servers.keys()].map((name) => [name, []])));
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, heat] of chosen.entries()) {
        for (const [name, server] of servers) {
          const times = { warmUpMs, windowMs: options.windowMs };
          measured[i]?.get(name)?.push(metricsOf(await measureLoad(generator, server, heat, times)));
        }
      }
      console.error(`threads: round ${round + 1} of ${options.rounds}`);
    }
    const ratios = { 'CPU ratio': 'CPU us/req', 'req/s ratio': 'req/s', 'p99 ratio': 'p99 us' };
    const rows = chosen.flatMap((heat, i) =>
      rowsWithRatios(measured[i] ?? new Map(), heat.name, `threads=${counts[0]}`, ratios),
    );
    const settings = {
      rounds: options.rounds,
      secondsPerRound: options.windowMs / 1000,
      generators: generator.size,
    };
    const placement = `not pinned, ${availableParallelism()} processors`;
    publish('threads', { ...settings, busyBefore: Number(busyBefore.toFixed(2)), placement }, rows);
  } finally {
    generator.close();
    for (const server of servers.values()) await server.stop();
    repository.remove();
  }
}
