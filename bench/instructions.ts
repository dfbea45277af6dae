/**
 * `instructions`: how many instructions the server's main thread runs in user mode for each request, by valgrind's
 * callgrind. CPU time differs by a third between two processes of one build on a machine that others use. Counts know
 * neither caches nor neighbours. They do not say what an instruction costs. The kernel and the other threads are not in
 * them.
 *
 * Under valgrind everything takes ten times as long, and longer still while it counts. What the server decides by the
 * clock comes out differently there: runs of a model look too long for the event loop, and shares of a turn are over too
 * early. The counts hold for the code that ran. Whether a batch ran on the event loop or on a thread may differ from real
 * life, and between the two builds.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import type { BenchCommand } from './bench-options.ts';
import { assertAnswered } from './load/answered-load.ts';
import { Generator } from './load/generator.ts';
import { type ServerLoad, serverPlan } from './load/server-load.ts';
import { loadShapes, shapeModels } from './load-shapes.ts';
import { ModelFolder } from './models/model-folder.ts';
import { earlierMain, serverMain } from './paths.ts';
import { Callgrind, missingCallgrind } from './process/callgrind.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { ServedProcess } from './process/served-process.ts';
import { publish, type ReportRow } from './report.ts';

/** Not counted, so that V8 has optimised the code of a request; at most so long. */
const warmUpRequests = 40_000;
const warmUpMs = 180_000;
/** For V8's compiling threads: valgrind runs one thread of the process at a time. */
const pauseMs = 1500;
/** The first ones while counting: the change of speed has the server compile once more. */
const settlingRequests = 300;
/** Of one round; at most so long. */
const countedRequests = 3000;
const countedMs = 300_000;

const usualShapes = ['grpc tiny 64 B 1x1', 'http tiny 64 B 1x1'];

const before = 'before';
const instructions = 'instructions/req';

/** The usual shapes, or all those whose name contains each word of `only`. */
function chosenShapes(only: string): readonly ServerLoad[] {
  const words = only.split(' ');
  const chosen = loadShapes.filter(({ name }) =>
    only === '' ? usualShapes.includes(name) : words.every((word) => name.includes(word)),
  );
  if (chosen.length === 0) throw new Error(`--only: expected words of a shape like '${usualShapes[0]}', got '${only}'`);
  return chosen;
}

/**
 * `--rounds` is how often one process is counted. The table has the smallest count: whatever V8 compiles or collects
 * meanwhile is in others. The first two rounds were up to a quarter larger than later ones, so few rounds say nothing.
 */
export async function benchInstructions(command: BenchCommand): Promise<void> {
  const missing = missingCallgrind();
  if (missing !== null) throw new Error(`instructions: ${missing}`);
  const shapes = chosenShapes(command.only);
  const placement = choosePlacement();
  const builds: (readonly [name: string, main: string])[] = [['now', serverMain]];
  if (command.before !== '') builds.unshift([before, earlierMain(command.before)]);
  const repository = new ModelFolder();
  for (const model of shapeModels) repository.add(model);
  const generator = new Generator(placement.loadCpu);
  const rows: ReportRow[] = [];
  try {
    for (const shape of shapes) {
      const counted = new Map<string, readonly number[]>();
      for (const [name, main] of builds) {
        const callgrind = new Callgrind();
        const { measuredCpu } = placement;
        try {
          const { runner } = callgrind;
          const flags = command.serverFlags;
          const server = await ServedProcess.nereid(repository.path, measuredCpu, flags, [], main, runner);
          try {
            counted.set(name, await countOf(server, callgrind, generator, shape, command.rounds));
          } finally {
            await server.stop();
          }
        } finally {
          callgrind.remove();
        }
        console.error(`instructions: ${shape.name}, ${name}`);
      }
      rows.push(...rowsOf(shape.name, counted));
    }
  } finally {
    generator.close();
    repository.remove();
  }
  const settings = {
    processes: 1,
    rounds: command.rounds,
    requestsPerRound: countedRequests,
    ...(command.serverFlags.length > 0 ? { serverFlags: command.serverFlags.join(' ') } : {}),
  };
  publish('instructions', settings, rows);
}

/** Instructions of a request in each round, in a process that has just started. */
async function countOf(
  server: ServedProcess,
  callgrind: Callgrind,
  generator: Generator,
  shape: ServerLoad,
  rounds: number,
): Promise<number[]> {
  const run = async (maxRequests: number, windowMs: number): Promise<number> => {
    const plan = serverPlan(server, shape, { warmUpMs: 0, windowMs });
    const result = await generator.run({ ...plan, maxRequests });
    assertAnswered(result, shape.name, server.log);
    // Those that were under way when the window ended are answered too, before the generator reports.
    return result.succeeded + shape.connections * shape.outstanding;
  };
  await run(warmUpRequests, warmUpMs);
  await sleep(pauseMs);
  callgrind.start(server.pid);
  await run(settlingRequests, countedMs);
  const counts: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    callgrind.zero(server.pid);
    const requests = await run(countedRequests, countedMs);
    counts.push(callgrind.mainThreadInstructions(server.pid) / requests);
  }
  return counts;
}

/** A row for each build, compared with the earlier one if there is one. */
function rowsOf(shape: string, counted: ReadonlyMap<string, readonly number[]>): ReportRow[] {
  const yardstick = counted.get(before);
  return [...counted].map(([build, counts]) => {
    const smallest = Math.min(...counts);
    const ratio = yardstick === undefined ? {} : { '/ before': smallest / Math.min(...yardstick) };
    const metrics = { [instructions]: smallest, ...ratio };
    return { name: `${shape}, ${build}`, metrics, rounds: { [instructions]: counts } };
  });
}
