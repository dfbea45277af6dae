/**
 * `first-seconds`: what a request costs in the first seconds of a process, window by window. V8 optimises code that has
 * run often, so the first requests cost several times as much as later ones. Each build is started anew for every row of
 * samples; the table has the medians over the starts.
 */

import type { BenchCommand } from './bench-options.ts';
import { metricsOf } from './contest.ts';
import { Generator } from './load/generator.ts';
import { measureLoad, type ServerLoad } from './load/server-load.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import { ModelFolder } from './models/model-folder.ts';
import { smallCases, smallModel } from './models/small-model.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { earlierMain, serverMain } from './paths.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { ServedProcess } from './process/served-process.ts';
import type { Metrics } from './ratios.ts';
import { medianRow, publish } from './report.ts';

/** Windows after each start. */
const windows = 10;

const loads: readonly ServerLoad[] = [
  { name: 'grpc tiny 64 B 1x1', protocol: 'grpc', cases: tinyCases, connections: 1, outstanding: 1 },
  { name: 'grpc image 602 KB 4x4', protocol: 'grpc', cases: imageCases, connections: 4, outstanding: 4 },
  { name: 'http small 1 KB 16x1', protocol: 'http', cases: smallCases, connections: 16, outstanding: 1 },
];

/** `--processes` is the number of starts of each build, `--seconds` the length of one window. */
export async function benchFirstSeconds(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const placement = choosePlacement();
  const builds: (readonly [name: string, main: string])[] = [['now', serverMain]];
  if (command.before !== '') builds.unshift(['before', earlierMain(command.before)]);
  const wanted = loads.filter(({ name }) => name.includes(command.only));
  const repository = new ModelFolder();
  for (const model of [tinyModel, smallModel, imageModel]) repository.add(model);
  const generator = new Generator(placement.loadCpu);
  const measured = wanted.flatMap((load) =>
    builds.map(([name, main]) => ({ name: `${load.name}, ${name}`, load, main, starts: [] as Metrics[][] })),
  );
  try {
    for (let start = 0; start < command.processes; start += 1) {
      for (const { load, main, starts } of measured) {
        const server = await ServedProcess.nereid(
          repository.path,
          placement.measuredCpu,
          command.serverFlags,
          [],
          main,
        );
        starts.push(await measureStart(generator, server, load, command.windowMs));
      }
      console.error(`first-seconds: start ${start + 1} of ${command.processes}`);
    }
  } finally {
    generator.close();
    repository.remove();
  }
  const settings = {
    starts: command.processes,
    secondsPerWindow: command.windowMs / 1000,
    busyBefore: Number(busyBefore.toFixed(2)),
    placement: placement.text,
  };
  publish(
    'first-seconds',
    settings,
    measured.flatMap(({ name, starts }) =>
      Array.from({ length: windows }, (_, window) => {
        const end = ((window + 1) * command.windowMs) / 1000;
        return medianRow(
          `${name}, to ${end.toFixed(2)} s`,
          starts.map((each) => each[window]),
        );
      }),
    ),
  );
}

/** The windows of one fresh process, in order; stops it. */
async function measureStart(
  generator: Generator,
  server: ServedProcess,
  load: ServerLoad,
  windowMs: number,
): Promise<Metrics[]> {
  try {
    const measured: Metrics[] = [];
    for (let window = 0; window < windows; window += 1) {
      measured.push(metricsOf(await measureLoad(generator, server, load, { warmUpMs: 0, windowMs })));
    }
    return measured;
  } finally {
    await server.stop();
  }
}
