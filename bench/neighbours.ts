/**
 * `neighbours`: a patient client of tiny requests alone, and beside clients that ask for something large: scrapes of many
 * models, a large tensor as JSON, large tensors in and out. With `--before` also beside an earlier build.
 */

import { fileURLToPath } from 'node:url';

import type { BenchCommand } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { LatencyHistogram } from './load/latency-histogram.ts';
import { Neighbour, type NeighbourPlan, type NeighbourResult } from './load/neighbour.ts';
import { echoModel, jsonInfer, rawInfer } from './models/echo-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { earlierMain, serverMain } from './paths.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { post } from './process/model-control.ts';
import { probeLineCount, probeRecord } from './process/probe-lines.ts';
import { ServedProcess } from './process/served-process.ts';
import { type TurnRecord, turnLinePrefix } from './process/turn-probe-line.ts';
import { publish, type ReportRow } from './report.ts';

/** What a patient client may see beside any neighbour. */
const targetMs = { p99: 10, max: 20 } as const;
const everyMs = 2;
const warmUpMs = 300;
const probeFlag = `--import=${fileURLToPath(new URL('./process/turn-probe.js', import.meta.url))}`;

interface Case {
  readonly name: string;
  /** Models beside those that are asked; each was called once. */
  readonly models: number;
  readonly plan: (server: ServedProcess) => NeighbourPlan;
}

const noBody = new Uint8Array();
const scrape = ({ metricsPort }: ServedProcess): NeighbourPlan => ({
  ...{ port: metricsPort, clients: 1, method: 'GET', path: '/metrics', headers: {}, body: noBody },
});

const cases: readonly Case[] = [
  { name: 'scrapes of 300 models', models: 300, plan: scrape },
  { name: '200,000 floats as JSON', models: 300, plan: ({ httpPort }) => jsonInfer(httpPort, 1, 200_000) },
  { name: 'four of 16 MiB in and out', models: 300, plan: ({ httpPort }) => rawInfer(httpPort, 4, 4 * 1024 * 1024) },
  { name: 'scrapes of 1,000 models', models: 1_000, plan: scrape },
];

/** What the patient client saw over all rounds, and the longest turn of the event loop meanwhile. */
class Seen {
  readonly #latencies = new LatencyHistogram();
  #turnP99Ms = 0;
  #turnMaxMs = 0;
  #seconds = 0;
  #neighbour: NeighbourResult = { answers: 0, bytes: 0, failure: null };

  async window(server: ServedProcess, generator: Generator, windowMs: number): Promise<void> {
    const lineNumber = probeLineCount(server, turnLinePrefix);
    process.kill(server.pid, 'SIGUSR2');
    const result = await generator.run({
      ...{ protocol: 'grpc', port: server.grpcPort, connections: 1, outstanding: 1024, everyMs },
      ...{ cases: tinyCases, checkEvery: 16, tolerance: 1e-4, warmUpMs, windowMs },
      ...{ maxRequests: Number.MAX_SAFE_INTEGER, measuredPid: server.pid },
    });
    process.kill(server.pid, 'SIGUSR2');
    assertAnswered(result, 'neighbours', server.log);
    this.#latencies.add(result.latencyCounts, result.maxUs);
    this.#seconds += result.seconds;
    const turns = (await probeRecord(server, turnLinePrefix, lineNumber, 'turns')) as TurnRecord;
    this.#turnP99Ms = Math.max(this.#turnP99Ms, turns.p99Ms);
    this.#turnMaxMs = Math.max(this.#turnMaxMs, turns.maxMs);
  }

  neighbourEnded({ answers, bytes }: NeighbourResult): void {
    const sum = this.#neighbour;
    this.#neighbour = { answers: sum.answers + answers, bytes: sum.bytes + bytes, failure: null };
  }

  row(name: string): ReportRow {
    const { answers, bytes } = this.#neighbour;
    const metrics = {
      'p50 ms': this.#latencies.quantileUs(0.5) / 1e3,
      'p99 ms': this.#latencies.quantileUs(0.99) / 1e3,
      'max ms': this.#latencies.maxUs / 1e3,
      'turn p99 ms': this.#turnP99Ms,
      'longest turn ms': this.#turnMaxMs,
      'neighbour/s': answers / this.#seconds,
      'MB each': answers === 0 ? 0 : bytes / answers / 1e6,
    };
    return { name, metrics, rounds: {} };
  }
}

interface Build {
  readonly name: string;
  readonly main: string;
}

/** The model with so many more of it, all called once, so that all have metrics. */
async function served(
  build: Build,
  repository: string,
  models: number,
  flags: readonly string[],
): Promise<ServedProcess> {
  const server = await ServedProcess.nereid(repository, null, ['--log-info=false', ...flags], [probeFlag], build.main);
  const { shape } = tinyCases[0];
  const data = Array.from({ length: shape[1] }, () => 0.5);
  for (let i = 0; i < models; i += 1) {
    const inputs = [{ name: 'INPUT', datatype: 'FP32', shape, data }];
    const { status, text } = await post(server, `models/${manyName(i)}/infer`, { inputs });
    if (status !== 200) throw new Error(`${manyName(i)}: ${text}`);
  }
  return server;
}

const manyName = (i: number): string => `many-${i}`;

export async function benchNeighbours(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const { loadCpu, text } = choosePlacement();
  const builds: Build[] = [{ name: 'now', main: serverMain }];
  if (command.before !== '') builds.push({ name: 'before', main: earlierMain(command.before) });
  const generator = new Generator(loadCpu);
  const neighbour = new Neighbour(loadCpu);
  const rows: ReportRow[] = [];
  try {
    for (const models of new Set(cases.map((each) => each.models))) {
      const wanted = cases.filter((each) => each.models === models && each.name.includes(command.only));
      if (wanted.length === 0) continue;
      const repository = new ModelFolder();
      const servers: ServedProcess[] = [];
      try {
        for (const model of [tinyModel, echoModel]) repository.add(model);
        for (let i = 0; i < models; i += 1) repository.add({ ...tinyModel, name: manyName(i) });
        for (const build of builds) servers.push(await served(build, repository.path, models, command.serverFlags));
        for (const each of wanted) rows.push(...(await measured(each, builds, servers, generator, neighbour, command)));
      } finally {
        for (const server of servers) await server.stop();
        repository.remove();
      }
    }
  } finally {
    generator.close();
    neighbour.close();
  }
  const settings = { rounds: command.rounds, secondsPerRound: command.windowMs / 1000, everyMs };
  const placement = `clients as usual: ${text.replace(/^server on processor \d+, /, 'server on all processors, ')}`;
  publish('neighbours', { ...settings, busyBefore: Number(busyBefore.toFixed(2)), placement }, rows);
  console.log(`targets beside a neighbour: p99 <= ${targetMs.p99} ms, max <= ${targetMs.max} ms`);
}

/** Rows of one case: alone and beside, for each build, measured in turn. */
async function measured(
  each: Case,
  builds: readonly Build[],
  servers: readonly ServedProcess[],
  generator: Generator,
  neighbour: Neighbour,
  { rounds, windowMs }: BenchCommand,
): Promise<ReportRow[]> {
  const seen = builds.map(() => ({ alone: new Seen(), beside: new Seen() }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, server] of servers.entries()) {
      await seen[i].alone.window(server, generator, windowMs / 2);
      const stop = neighbour.start(each.plan(server));
      try {
        await seen[i].beside.window(server, generator, windowMs);
      } finally {
        seen[i].beside.neighbourEnded(await stop());
      }
    }
    console.error(`neighbours: ${each.name}, round ${round + 1} of ${rounds}`);
  }
  return builds.flatMap(({ name }, i) => [
    seen[i].alone.row(`${each.name}: alone, ${name}`),
    seen[i].beside.row(`${each.name}: beside, ${name}`),
  ]);
}
