/**
 * `regression`: this build beside an earlier one, over both protocols and all shapes of load. Both are alive at once
 * and measured in turn, round by round, so ratios hold on a machine whose speed drifts. The earlier build runs twice:
 * the difference of its two processes shows the noise.
 */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { BenchOptions } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import type { InferCase } from './load/infer-case.ts';
import type { Protocol } from './load/load-plan.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { smallCases, smallModel } from './models/small-model.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { serverMain } from './paths.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { comparedRows, type Metrics } from './ratios.ts';
import { publish } from './report.ts';

const warmUpMs = 500;
const checkEvery = 16;
const tolerance = 1e-4;

const before = 'before';

interface Shape {
  readonly name: string;
  readonly protocol: Protocol;
  readonly cases: readonly InferCase[];
  readonly connections: number;
  readonly outstanding: number;
}

const loads: readonly { readonly what: string; readonly cases: readonly InferCase[]; readonly isLarge: boolean }[] = [
  { what: 'tiny 64 B', cases: tinyCases, isLarge: false },
  { what: 'small 1 KB', cases: smallCases, isLarge: false },
  { what: 'image 602 KB', cases: imageCases, isLarge: true },
];

/** Connections x requests under way on each; HTTP/1.1 has one on each. */
const connectionsOf = (protocol: Protocol, isLarge: boolean): readonly (readonly [number, number])[] => {
  if (isLarge) return protocol === 'grpc' ? [[4, 4]] : [[16, 1]];
  const shared = [
    [1, 1],
    [64, 1],
  ] as const;
  return protocol === 'grpc' ? [...shared, [4, 16], [16, 4]] : [...shared, [4, 16]];
};

const shapes: readonly Shape[] = (['grpc', 'http'] as const).flatMap((protocol) =>
  loads.flatMap(({ what, cases, isLarge }) =>
    connectionsOf(protocol, isLarge).map(([connections, outstanding]) => ({
      name: `${protocol} ${what} ${connections}x${outstanding}`,
      protocol,
      cases,
      connections,
      outstanding,
    })),
  ),
);

/** @throws Error with a sentence when there is no built server. */
function mainOf(folder: string): string {
  const main = join(resolve(folder), 'dist', 'main.js');
  if (!existsSync(main)) throw new Error(`--before: there is no built server at ${main}; run npm run build there`);
  return main;
}

/** @param folder the checkout of the earlier build, built */
export async function benchRegression(folder: string, options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  for (const model of [tinyModel, smallModel, imageModel]) repository.add(model);
  const generator = new Generator(placement.loadCpu);
  const contenders: { readonly name: string; readonly server: ServedProcess }[] = [];
  try {
    const earlier = mainOf(folder);
    const builds = [
      [before, earlier],
      ['now', serverMain],
      ['before, again', earlier],
    ] as const;
    for (const [name, main] of builds) {
      const cpu = placement.measuredCpu;
      const server = await ServedProcess.nereid(repository.path, cpu, options.serverFlags, [], main);
      contenders.push({ name, server });
    }
    const wanted = shapes.filter(({ name }) => name.includes(options.only));
    const measured = wanted.map(() => new Map<string, Metrics[]>(contenders.map(({ name }) => [name, []])));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [i, shape] of wanted.entries()) {
        // Each is first as often as the others: the first one after a pause finds other caches.
        for (let k = 0; k < contenders.length; k += 1) {
          const { name, server } = contenders[(k + round) % contenders.length];
          measured[i].get(name)?.push(metricsOf(await run(generator, shape, server, options.windowMs)));
        }
      }
      console.error(`regression: round ${round + 1} of ${options.rounds}`);
    }
    const ratios = { 'CPU / before': 'CPU us/req', 'req/s / before': 'req/s', 'p99 / before': 'p99 us' };
    const settings = {
      rounds: options.rounds,
      secondsPerRound: options.windowMs / 1000,
      busyBefore: Number(busyBefore.toFixed(2)),
      placement: placement.text,
      ...(options.serverFlags.length > 0 ? { serverFlags: options.serverFlags.join(' ') } : {}),
    };
    publish(
      'regression',
      settings,
      wanted.flatMap(({ name }, i) => comparedRows(measured[i], name, before, ratios)),
    );
  } finally {
    generator.close();
    for (const { server } of contenders) await server.stop();
    repository.remove();
  }
}

async function run(generator: Generator, shape: Shape, server: ServedProcess, windowMs: number) {
  const result = await generator.run({
    ...shape,
    port: shape.protocol === 'grpc' ? server.grpcPort : server.httpPort,
    checkEvery,
    tolerance,
    warmUpMs,
    windowMs,
    maxRequests: Number.MAX_SAFE_INTEGER,
    measuredPid: server.pid,
  });
  assertAnswered(result, shape.name, server.log);
  return result;
}
