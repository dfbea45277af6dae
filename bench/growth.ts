/**
 * `growth`: what a request costs as connections and models grow in number, and what a thousand models cost without
 * requests. The shapes of a process are measured in turn, so a ratio to the smallest shape holds on a machine whose speed
 * drifts; each process is fresh. Costs are the server's CPU time; only the time to ready is by the clock.
 */

import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { BenchCommand } from './bench-options.ts';
import { Generator } from './load/generator.ts';
import type { InferCase } from './load/infer-case.ts';
import type { Protocol } from './load/load-plan.ts';
import { measureLoad, type ServerLoad } from './load/server-load.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { earlierMain, serverMain } from './paths.ts';
import { BareLoop, buildBareLoop } from './process/bare-loop.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { cpuUs, residentBytes } from './process/linux-process.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { type Metrics, withRatios } from './ratios.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

const modelCount = 1_000;
const warmUpMs = 500;
const pollFlags = ['--model-control-mode=poll', '--repository-poll-secs=5'];
/** Two polls; the first one after the start comes before. */
const [pollSettleMs, pollWindowMs] = [6_000, 10_000];

const cpu = 'CPU us/req';
const ratio = 'CPU / first';

interface Shape extends Omit<ServerLoad, 'cases'> {
  /** How many models the requests go around; `alone` is one whose requests never share a batch. */
  readonly models: number | 'alone';
}

interface Build {
  readonly name: string;
  readonly main: string;
}

/** 64 requests under way. */
const inFlight = (protocol: Protocol) => ({
  protocol,
  ...(protocol === 'grpc' ? { connections: 4, outstanding: 16 } : { connections: 64, outstanding: 1 }),
});

/** Groups of shapes; the others of a group are compared with its first. */
const groups: readonly (readonly Shape[])[] = (['grpc', 'http'] as const).flatMap((protocol) => [
  [64, 512, 4_096].map((connections) => ({
    name: `${protocol}, ${connections} connections`,
    ...{ protocol, connections, outstanding: 1, models: 1 },
  })),
  [
    { ...inFlight(protocol), name: `${protocol}, 64 requests, each alone, to 1 model`, models: 'alone' },
    ...[1, 10, 100, modelCount - 1].map((models) => ({
      ...inFlight(protocol),
      ...{ name: `${protocol}, 64 requests to ${models} models`, models },
    })),
  ],
]);

/** The shapes whose name contains `only`, behind the first of their group. */
function wantedOf(only: string): Shape[][] {
  const isWanted = ({ name }: Shape): boolean => name.includes(only);
  return groups
    .filter((group) => group.some(isWanted))
    .map(([first, ...others]) => [first, ...others.filter(isWanted)]);
}

const modelName = (i: number): string => `many-${i}`;

/** As the others, but every request is a batch of its own, as it is when 64 requests go around 1,000 models. */
const aloneModel = { ...tinyModel, name: 'alone', config: tinyModel.config.replace('size: 64', 'size: 1') };

/** A case for each model, so that requests go around them; one model has all cases. */
function casesOf(models: Shape['models']): readonly InferCase[] {
  if (models === 'alone') return tinyCases.map((each) => ({ ...each, model: aloneModel.name }));
  return Array.from({ length: Math.max(models, tinyCases.length) }, (_, i) => ({
    ...tinyCases[i % tinyCases.length],
    model: modelName(i % models),
  }));
}

function repositoryOf(models: number): ModelFolder {
  const repository = new ModelFolder();
  repository.add(aloneModel);
  for (let i = 1; i < models; i += 1) repository.add({ ...tinyModel, name: modelName(i - 1) });
  return repository;
}

async function measure(generator: Generator, shape: Shape, server: ServedProcess, windowMs: number): Promise<Metrics> {
  const load = { ...shape, cases: casesOf(shape.models) };
  const result = await measureLoad(generator, server, load, { warmUpMs, windowMs });
  return {
    [cpu]: result.serverCpuUs / result.succeeded,
    'req/s': result.succeeded / result.seconds,
    'p99 ms': result.p99Us / 1e3,
  };
}

/** Medians of the rounds of each shape of each group, in a fresh process. */
async function requestCosts(
  shapes: readonly (readonly Shape[])[],
  server: ServedProcess,
  generator: Generator,
  { rounds, windowMs }: BenchCommand,
): Promise<Metrics[][]> {
  const measured = shapes.map((group) => group.map((): Metrics[] => []));
  for (let round = 0; round < rounds; round += 1) {
    for (const [g, group] of shapes.entries()) {
      for (const [s, shape] of group.entries()) {
        measured[g][s].push(await measure(generator, shape, server, windowMs));
      }
    }
  }
  return measured.map((group) =>
    group.map((all) => medianRow('', withRatios(all, group[0], { [ratio]: cpu })).metrics),
  );
}

/** Cost of models that nobody calls: a process of all of them and one of a single model, both fresh. */
async function idleCosts(start: (repository: string) => Promise<ServedProcess>, many: string, one: string) {
  const cost = async (repository: string) => {
    const startMs = performance.now();
    const server = await start(repository);
    try {
      const readyMs = performance.now() - startMs;
      const startUs = cpuUs(server.pid);
      await sleep(pollSettleMs);
      const bytes = residentBytes(server.pid);
      const idleUs = cpuUs(server.pid);
      await sleep(pollWindowMs);
      const pollUs = cpuUs(server.pid) - idleUs;
      return { readyMs, startUs, bytes, pollMsPerS: pollUs / pollWindowMs };
    } finally {
      await server.stop();
    }
  };
  const [all, single] = [await cost(many), await cost(one)];
  return {
    'ready s': all.readyMs / 1e3,
    'ready s, 1 model': single.readyMs / 1e3,
    'CPU ms/model to ready': (all.startUs - single.startUs) / 1e3 / (modelCount - 1),
    'MiB/model': (all.bytes - single.bytes) / 2 ** 20 / (modelCount - 1),
    'polling CPU ms/s': all.pollMsPerS,
    'polling CPU ms/s, 1 model': single.pollMsPerS,
  };
}

/** The same for sessions alone: what ONNX Runtime takes for a model, whoever opens it. */
async function bareCosts(modelFile: string, rowsFile: string): Promise<Metrics> {
  const { input, shape } = tinyCases[0];
  writeFileSync(rowsFile, input);
  const bare = new BareLoop(
    {
      ...{ modelFile, rowsFile, threads: availableParallelism(), device: 'cpu', datatype: 'FP32' },
      ...{ outputElementsPerRow: shape[1], rowShape: shape.slice(1) },
    },
    null,
  );
  try {
    await bare.open(1);
    const { cpuUs, bytes } = await bare.open(modelCount);
    return {
      ...{ 'ready s': Number.NaN, 'ready s, 1 model': Number.NaN },
      'CPU ms/model to ready': cpuUs / 1e3 / modelCount,
      'MiB/model': bytes / 2 ** 20 / modelCount,
      ...{ 'polling CPU ms/s': Number.NaN, 'polling CPU ms/s, 1 model': Number.NaN },
    };
  } finally {
    bare.close();
  }
}

/** `--processes` fresh processes of each build, in turn. `--only=idle` leaves out the requests. */
export async function benchGrowth(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const { measuredCpu, loadCpu, text } = choosePlacement();
  const builds: Build[] = [{ name: 'now', main: serverMain }];
  if (command.before !== '') builds.unshift({ name: 'before', main: earlierMain(command.before) });
  const wanted = wantedOf(command.only);
  const isIdleWanted = 'idle'.includes(command.only);
  const whyNot = isIdleWanted ? buildBareLoop() : null;
  if (whyNot !== null) console.error(`growth: no sessions alone, the bare loop cannot be built: ${whyNot}`);
  const isBareWanted = isIdleWanted && whyNot === null;
  const costs = builds.map((build) => ({ build, groups: [] as Metrics[][][], idle: [] as Metrics[] }));
  const [many, one] = [repositoryOf(modelCount), repositoryOf(1)];
  const aloneFile = join(one.path, aloneModel.name, '1', 'model.onnx');
  const bare: Metrics[] = [];
  const generator = new Generator(loadCpu);
  try {
    for (let process = 0; process < command.processes; process += 1) {
      for (const { build, groups, idle } of costs) {
        const start = (repository: string, flags: readonly string[], cpuOfServer: number | null) =>
          ServedProcess.nereid(
            repository,
            cpuOfServer,
            ['--log-info=false', ...flags, ...command.serverFlags],
            [],
            build.main,
          );
        if (wanted.length > 0) {
          const server = await start(many.path, [], measuredCpu);
          try {
            groups.push(await requestCosts(wanted, server, generator, command));
          } finally {
            await server.stop();
          }
        }
        if (isIdleWanted) idle.push(await idleCosts((path) => start(path, pollFlags, null), many.path, one.path));
      }
      if (isBareWanted) bare.push(await bareCosts(aloneFile, join(one.path, '.rows')));
      console.error(`growth: process ${process + 1} of ${command.processes}`);
    }
  } finally {
    generator.close();
    many.remove();
    one.remove();
  }
  const settings = {
    ...{ processes: command.processes, rounds: command.rounds, secondsPerRound: command.windowMs / 1000 },
    ...{ busyBefore: Number(busyBefore.toFixed(2)), placement: text },
    ...(command.serverFlags.length > 0 ? { serverFlags: command.serverFlags.join(' ') } : {}),
  };
  const requestRows = wanted.flatMap((group, g) =>
    group.flatMap(({ name }, s) =>
      costs.map(
        ({ build, groups }): ReportRow =>
          medianRow(
            `${name}${builds.length > 1 ? `, ${build.name}` : ''}`,
            groups.map((process) => process[g][s]),
          ),
      ),
    ),
  );
  if (requestRows.length > 0) publish('growth', settings, requestRows);
  if (isIdleWanted) {
    const rows = costs.map(({ build, idle }) => medianRow(`${modelCount} models, ${build.name}`, idle));
    if (isBareWanted) rows.push(medianRow(`${modelCount} sessions alone`, bare));
    publish('growth-idle', { ...settings, placement: 'server on all processors' }, rows);
  }
}
