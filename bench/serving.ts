/**
 * `serving`: the cost of a request for the server. A tiny model and an image tensor over both protocols, beside servers
 * that only echo on the same transports, all alive at once and measured in turn, round by round.
 */

import { fileURLToPath } from 'node:url';

import type { BenchOptions } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { Generator } from './load/generator.ts';
import type { InferCase } from './load/infer-case.ts';
import type { LoadResult, Protocol } from './load/load-plan.ts';
import { measureLoad, type ServerLoad } from './load/server-load.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import { medianRow, publish, type ReportRow } from './report.ts';

interface ServingCase extends ServerLoad {
  readonly server: ServedProcess;
}

const warmUpMs = 500;

/** Connections x requests under way on each. */
const tinyShapes = [
  [1, 1],
  [4, 16],
  [64, 1],
] as const;
const imageShapes: Record<Protocol, readonly [number, number]> = { grpc: [4, 4], http: [16, 1] };

const withoutExpectation = (cases: readonly InferCase[]): InferCase[] =>
  cases.map((each) => ({ ...each, expected: null }));

/** All cases, ours and the echo of the same shape beside each other. */
function servingCases(nereid: ServedProcess, echo: ServedProcess): ServingCase[] {
  const cases: ServingCase[] = [];
  const add = (what: string, protocol: Protocol, infers: readonly InferCase[], shape: readonly [number, number]) => {
    const [connections, outstanding] = shape;
    const name = `${protocol} ${what} ${connections}x${outstanding}`;
    const echoName = protocol === 'grpc' ? 'bare grpc-js' : 'bare node:http';
    cases.push({ server: nereid, name, protocol, cases: infers, connections, outstanding });
    const echoed = withoutExpectation(infers);
    cases.push({ server: echo, name: `${name}, ${echoName}`, protocol, cases: echoed, connections, outstanding });
  };
  for (const protocol of ['grpc', 'http'] as const) {
    for (const shape of tinyShapes) add('tiny 64 B', protocol, tinyCases, shape);
    add('image 602 KB', protocol, imageCases, imageShapes[protocol]);
  }
  return cases;
}

async function measureAll(cases: readonly ServingCase[], generator: Generator, options: BenchOptions) {
  const rounds = new Map<string, LoadResult[]>(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const servingCase of cases) {
      rounds
        .get(servingCase.name)
        ?.push(await measureLoad(generator, servingCase.server, servingCase, { warmUpMs, windowMs: options.windowMs }));
    }
    console.error(`serving: round ${round + 1} of ${options.rounds}`);
  }
  return rounds;
}

export async function benchServing(options: BenchOptions): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const repository = new ModelFolder();
  repository.add(tinyModel);
  repository.add(imageModel);
  const generator = new Generator(placement.loadCpu);
  const servers: ServedProcess[] = [];
  try {
    const nereid = await ServedProcess.nereid(repository.path, placement.measuredCpu, options.serverFlags);
    servers.push(nereid);
    const echoFile = fileURLToPath(new URL('./process/echo-server.js', import.meta.url));
    const echo = await ServedProcess.program(echoFile, placement.measuredCpu);
    servers.push(echo);
    const cases = servingCases(nereid, echo).filter(({ name }) => name.includes(options.only));
    const measured = await measureAll(cases, generator, options);
    const rows: ReportRow[] = [...measured].map(([name, results]) => medianRow(name, results.map(metricsOf)));
    const checked = [...measured.values()].flat().reduce((sum, result) => sum + result.checked, 0);
    publish(
      'serving',
      {
        ...settingsOf(options),
        busyBefore: Number(busyBefore.toFixed(2)),
        placement: placement.text,
        answersCompared: checked,
      },
      rows,
    );
  } finally {
    generator.close();
    for (const server of servers) await server.stop();
    repository.remove();
  }
}

const settingsOf = (options: BenchOptions) => ({
  rounds: options.rounds,
  secondsPerRound: options.windowMs / 1000,
  ...(options.serverFlags.length > 0 ? { serverFlags: options.serverFlags.join(' ') } : {}),
});
