/**
 * `tensors`: large tensors out and in over both protocols. gRPC beside the C++ server of the peers, HTTP beside bare
 * `node:http`, measured in turn; with `--before` also beside an earlier build. Large requests are few, so V8 would still
 * be compiling the server while it is measured: each server is warmed up for seconds before the first round.
 */

import { fileURLToPath } from 'node:url';

import type { BenchCommand } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan, OwnLoadResult, Protocol } from './load/load-plan.ts';
import { ModelFolder } from './models/model-folder.ts';
import { type Direction, tensorCases, tensorModel, tensorSizes } from './models/tensor-models.ts';
import { earlierMain, serverMain } from './paths.ts';
import { AnnouncedProcess, buildPeers } from './process/announced-process.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import type { GcRecord } from './process/gc-probe-line.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { probeFlags, recordedLoad } from './process/probed-process.ts';
import { ServedProcess } from './process/served-process.ts';
import { type Metrics, rowsWithRatios } from './ratios.ts';
import { publish } from './report.ts';

const warmUpMs = 500;
/** For each server, protocol and direction, before the first round: the smallest tensor, until that many or so long. */
const firstWarmUp = { maxRequests: 10_000, windowMs: 10_000 };
const connections = 4;
const now = 'now';
const anchors: Readonly<Record<Protocol, string>> = { grpc: 'C++ grpc++', http: 'bare node:http' };

interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** With the probe in it; null for an anchor. */
  readonly probed: ServedProcess | null;
}

interface Case {
  readonly name: string;
  readonly protocol: Protocol;
  readonly direction: Direction;
  readonly bytes: number;
  readonly contenders: readonly Contender[];
}

function planOf({ protocol, direction, bytes }: Case, contender: Contender, windowMs: number): LoadPlan {
  // Bare node:http gives zeros.
  const isCompared = contender.name !== anchors.http;
  return {
    protocol,
    port: contender.port,
    connections,
    outstanding: 1,
    cases: tensorCases(direction, bytes).map((one) => (isCompared ? one : { ...one, expected: null })),
    checkEvery: 64,
    tolerance: 0,
    warmUpMs: 0,
    windowMs,
    maxRequests: Number.MAX_SAFE_INTEGER,
    measuredPid: contender.pid,
  };
}

async function warmUp(each: Case, contender: Contender, generator: Generator): Promise<void> {
  const result = await generator.run({ ...planOf(each, contender, firstWarmUp.windowMs), ...firstWarmUp });
  assertAnswered(result, `warm-up of ${each.name}, ${contender.name}`);
}

/** One window; the record of the probe is null for an anchor. */
async function load(
  { probed }: Contender,
  plan: LoadPlan,
  generator: Generator,
): Promise<{ readonly result: OwnLoadResult; readonly record: GcRecord | null }> {
  if (probed !== null) return recordedLoad(probed, plan, generator);
  return { result: await generator.run(plan), record: null };
}

async function measure(each: Case, contender: Contender, generator: Generator, windowMs: number): Promise<Metrics> {
  const plan = planOf(each, contender, windowMs);
  await generator.run({ ...plan, windowMs: warmUpMs });
  const { result, record } = await load(contender, plan, generator);
  assertAnswered(result, `${each.name}, ${contender.name}`);
  const perThousand = (count: number | undefined): number =>
    count === undefined ? Number.NaN : (count / result.succeeded) * 1000;
  return {
    ...metricsOf(result),
    'p99 / p50': result.p99Us / result.p50Us,
    'full collections/1000 req': perThousand(record?.fullCollections),
    'buffers/1000 req': perThousand(record?.bufferCount),
    'slabs/1000 req': perThousand(record?.slabCount),
  };
}

export async function benchTensors(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const { measuredCpu } = placement;
  const repository = new ModelFolder();
  const servers: { stop(): Promise<unknown> }[] = [];
  const enter = async <Server extends { stop(): Promise<unknown> }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    servers.push(server);
    return server;
  };
  const generator = new Generator(placement.loadCpu);
  try {
    const wanted = tensorSizes.flatMap(([size, bytes]) =>
      (['out', 'in'] as const).map((direction) => {
        const file = repository.add(tensorModel(direction, bytes));
        return { size, bytes, direction, file };
      }),
    );
    const whyNot = buildPeers();
    if (whyNot !== null) console.log(`tensors: without ${anchors.grpc}, which cannot be built: ${whyNot}`);
    const nereid = (main: string) =>
      enter(
        ServedProcess.nereid(
          repository.path,
          measuredCpu,
          ['--log-info=false', ...command.serverFlags],
          probeFlags,
          main,
        ),
      );
    const builds = [{ name: now, server: await nereid(serverMain) }];
    if (command.before !== '') {
      builds.push({ name: 'before', server: await nereid(earlierMain(command.before)) });
    }
    const bareFile = fileURLToPath(new URL('./process/bare-http-server.js', import.meta.url));
    const bare = await enter(ServedProcess.program(bareFile, measuredCpu));
    const cases: Case[] = [];
    for (const { size, bytes, direction, file } of wanted) {
      for (const protocol of ['grpc', 'http'] as const) {
        const name = `${protocol} ${direction} ${size}`;
        if (!name.includes(command.only)) continue;
        const contenders: Contender[] = builds.map(({ name: build, server }) => ({
          name: build,
          pid: server.pid,
          port: protocol === 'grpc' ? server.grpcPort : server.httpPort,
          probed: server,
        }));
        const anchor = { name: anchors[protocol], probed: null };
        if (protocol === 'http') contenders.push({ ...anchor, pid: bare.pid, port: bare.httpPort });
        else if (whyNot === null) {
          const { pid, grpcPort } = await enter(AnnouncedProcess.grpcppOnnx(file, measuredCpu));
          contenders.push({ ...anchor, pid, port: grpcPort });
        }
        cases.push({ name, protocol, direction, bytes, contenders });
      }
    }
    const measured = cases.map(
      ({ contenders }) => new Map<string, Metrics[]>(contenders.map(({ name }) => [name, []])),
    );
    const warm = new Set<string>();
    for (const each of cases) {
      const way = `${each.protocol} ${each.direction}`;
      if (warm.has(way)) continue;
      warm.add(way);
      for (const contender of each.contenders) await warmUp(each, contender, generator);
    }
    for (let round = 0; round < command.rounds; round += 1) {
      for (const [i, each] of cases.entries()) {
        for (const contender of each.contenders) {
          measured[i].get(contender.name)?.push(await measure(each, contender, generator, command.windowMs));
        }
      }
      console.error(`tensors: round ${round + 1} of ${command.rounds}`);
    }
    const rows = cases.flatMap(({ name, protocol }, i) =>
      rowsWithRatios(measured[i], name, anchors[protocol], { 'CPU / anchor': 'CPU us/req' }),
    );
    const settings = { rounds: command.rounds, secondsPerRound: command.windowMs / 1000 };
    publish('tensors', { ...settings, busyBefore: Number(busyBefore.toFixed(2)), placement: placement.text }, rows);
  } finally {
    generator.close();
    for (const server of servers) await server.stop();
    repository.remove();
  }
}
