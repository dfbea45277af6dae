/**
 * `regression`: this build beside an earlier one, over both protocols and all shapes of load. A pair of fresh processes,
 * one of each build, is measured in turn, round by round, so its ratio holds on a machine whose speed drifts. Then comes
 * the next pair: one process of a build may cost a tenth more than another of the same build for as long as it lives,
 * depending on where its code and data happen to lie. A single pair would show that chance and not the builds.
 */

import type { BenchOptions } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { Generator } from './load/generator.ts';
import { measureLoad, type ServerLoad } from './load/server-load.ts';
import { loadShapes, shapeModels } from './load-shapes.ts';
import { ModelFolder } from './models/model-folder.ts';
import { earlierMain, serverMain } from './paths.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { type Metrics, rowsWithRatios } from './ratios.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

const warmUpMs = 500;
/**
 * How long each shape runs on a fresh process before the first round. A request costs up to seven times as much until V8
 * has optimised what it needs, which takes some thousand requests; `first-seconds` is the bench of that time.
 */
const firstRunMs = 3000;

const before = 'before';
const cpu = 'CPU us/req';
const p99 = 'p99 us';
const cpuRatio = 'CPU / before';

/** @param folder the checkout of the earlier build, built */
export async function benchRegression(folder: string, options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const builds = new Map([
    [before, earlierMain(folder)],
    ['now', serverMain],
  ]);
  const wanted = loadShapes.filter(({ name }) => name.includes(options.only));
  // For each shape and build, one entry for each process: the medians of its rounds.
  const measured = wanted.map(() => new Map<string, Metrics[]>([...builds.keys()].map((name) => [name, []])));
  const repository = new ModelFolder();
  for (const model of shapeModels) repository.add(model);
  const generator = new Generator(placement.loadCpu);
  try {
    for (let pair = 0; pair < options.processes; pair += 1) {
      const servers: [string, ServedProcess][] = [];
      try {
        for (const [name, main] of builds) {
          const { measuredCpu } = placement;
          servers.push([name, await ServedProcess.nereid(repository.path, measuredCpu, options.serverFlags, [], main)]);
        }
        for (const [i, rounds] of (await measurePair(generator, wanted, servers, options)).entries()) {
          for (const [name, all] of rounds) measured[i].get(name)?.push(medianRow(name, all).metrics);
        }
      } finally {
        for (const [, server] of servers) await server.stop();
      }
      console.error(`regression: pair of processes ${pair + 1} of ${options.processes}`);
    }
  } finally {
    generator.close();
    repository.remove();
  }
  const ratios = { [cpuRatio]: cpu, 'req/s / before': 'req/s', 'p99 / before': p99 };
  const settings = {
    processes: options.processes,
    rounds: options.rounds,
    secondsPerRound: options.windowMs / 1000,
    busyBefore: Number(busyBefore.toFixed(2)),
    placement: placement.text,
    ...(options.serverFlags.length > 0 ? { serverFlags: options.serverFlags.join(' ') } : {}),
  };
  publish(
    'regression',
    settings,
    wanted.flatMap(({ name }, i) => rowsWithRatios(measured[i], name, before, ratios).map(withSpread)),
  );
}

/** All shapes in `rounds` rounds, each round of each shape on every server: the metrics of each by shape and server. */
async function measurePair(
  generator: Generator,
  wanted: readonly ServerLoad[],
  servers: readonly (readonly [string, ServedProcess])[],
  { rounds, windowMs }: BenchOptions,
): Promise<Map<string, Metrics[]>[]> {
  const measured = wanted.map(() => new Map<string, Metrics[]>(servers.map(([name]) => [name, []])));
  for (const shape of wanted)
    for (const [, server] of servers) await measureLoad(generator, server, shape, { warmUpMs, windowMs: firstRunMs });
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, shape] of wanted.entries()) {
      // Each is first as often as the other: the first one after a pause finds other caches.
      for (let k = 0; k < servers.length; k += 1) {
        const [name, server] = servers[(k + round) % servers.length];
        measured[i].get(name)?.push(metricsOf(await measureLoad(generator, server, shape, { warmUpMs, windowMs })));
      }
    }
  }
  return measured;
}

/** Adds the worst process, and the standard error of the ratio over the pairs; NaN for a single pair. */
function withSpread(row: ReportRow): ReportRow {
  const ratios = row.rounds[cpuRatio];
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  const variance = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / (ratios.length - 1);
  const spread = {
    '+-': Math.sqrt(variance / ratios.length),
    'worst CPU': Math.max(...row.rounds[cpu]),
    'worst p99': Math.max(...row.rounds[p99]),
  };
  return { ...row, metrics: { ...row.metrics, ...spread } };
}
