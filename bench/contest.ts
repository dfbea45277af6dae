/**
 * Several gRPC servers under the same load in turn, round by round, all of them running: the common part of `frontends`
 * and `path`. Every server's answers are compared before anything is measured.
 */

import type { BenchOptions } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { generatorBusy, printLimited } from './load/generator-limit.ts';
import type { InferCase } from './load/infer-case.ts';
import type { LoadPlan, LoadResult } from './load/load-plan.ts';
import { type LoadSource, loadSource } from './load/load-source.ts';
import type { Placement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { type Metrics, rowsWithRatios } from './ratios.ts';
import { publish, type ReportRow } from './report.ts';

export interface Contender {
  readonly name: string;
  readonly server: { readonly pid: number; readonly grpcPort: number; readonly log: string };
}

/** One load, put on each contender in turn. */
export interface Heat {
  readonly name: string;
  readonly cases: readonly InferCase[];
  readonly connections: number;
  readonly outstanding: number;
  readonly contenders: readonly Contender[];
}

export interface Contest {
  readonly bench: string;
  readonly heats: readonly Heat[];
  /** Name of the contender that the others are compared with. */
  readonly yardstick: string;
  /** Name of the column → metric it compares. */
  readonly ratios: Readonly<Record<string, string>>;
  /** Relative, see `outputDifference`. */
  readonly tolerance: number;
}

const warmUpMs = 500;
const checkedRequests = 256;
const checkTimeMs = 30_000;
const checkEvery = 16;

/** The metrics of a server from a measurement, per request and over time. */
export function metricsOf(result: LoadResult): Metrics {
  const busy = (us: number): number => (us / result.seconds / 1e6) * 100;
  return {
    'CPU us/req': result.serverCpuUs / result.succeeded,
    'req/s': result.succeeded / result.seconds,
    'p50 us': result.p50Us,
    'p99 us': result.p99Us,
    'server busy %': busy(result.serverCpuUs),
    [generatorBusy]: busy(result.generatorCpuUs),
  };
}

const planOf = (heat: Heat, { server }: Contender, tolerance: number): Omit<LoadPlan, 'windowMs' | 'checkEvery'> => ({
  protocol: 'grpc',
  port: server.grpcPort,
  connections: heat.connections,
  outstanding: heat.outstanding,
  cases: heat.cases,
  tolerance,
  warmUpMs,
  maxRequests: Number.MAX_SAFE_INTEGER,
  measuredPid: server.pid,
});

async function run(source: Pick<LoadSource, 'run'>, plan: LoadPlan, heat: Heat, contender: Contender) {
  const result = await source.run(plan);
  assertAnswered(result, `${heat.name}, ${contender.name}`, contender.server.log);
  return result;
}

/** Compares every answer to a few hundred requests of the heat, asked as it asks them. */
async function check(own: Generator, heat: Heat, tolerance: number): Promise<number> {
  let compared = 0;
  for (const contender of heat.contenders) {
    const plan = planOf(heat, contender, tolerance);
    const few = { ...plan, warmUpMs: 0, maxRequests: checkedRequests, windowMs: checkTimeMs, checkEvery: 1 };
    compared += (await run(own, few, heat, contender)).checked;
  }
  return compared;
}

async function measure(contest: Contest, source: LoadSource, options: BenchOptions): Promise<ReportRow[]> {
  const { bench, heats, tolerance, yardstick, ratios } = contest;
  const measured = heats.map(({ contenders }) => new Map<string, Metrics[]>(contenders.map(({ name }) => [name, []])));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [i, heat] of heats.entries()) {
      for (const contender of heat.contenders) {
        const plan = { ...planOf(heat, contender, tolerance), windowMs: options.windowMs, checkEvery };
        measured[i].get(contender.name)?.push(metricsOf(await run(source, plan, heat, contender)));
      }
    }
    console.error(`${bench}: round ${round + 1} of ${options.rounds}`);
  }
  return heats.flatMap((heat, i) => rowsWithRatios(measured[i], heat.name, yardstick, ratios));
}

/** Measures, prints and writes the report. The servers are the caller's. */
export async function hold(contest: Contest, placement: Placement, options: BenchOptions): Promise<void> {
  const heats = contest.heats.filter(({ name }) => name.includes(options.only));
  const busyBefore = await machineBusyShare();
  const own = new Generator(placement.loadCpu);
  try {
    const source = loadSource(options.generator, own, placement.loadCpu);
    let compared = 0;
    for (const heat of heats) compared += await check(own, heat, contest.tolerance);
    const rows = await measure({ ...contest, heats }, source, options);
    const settings = {
      rounds: options.rounds,
      secondsPerRound: options.windowMs / 1000,
      generator: source.name,
      busyBefore: Number(busyBefore.toFixed(2)),
      placement: placement.text,
      answersComparedBefore: compared,
      ...(options.serverFlags.length > 0 ? { serverFlags: options.serverFlags.join(' ') } : {}),
    };
    publish(contest.bench, settings, rows);
    printLimited(rows, 'The load generator was the limit, not the server; req/s and latencies are its own in:');
  } finally {
    own.close();
  }
}
