/**
 * `loading`: what it costs to load a model of 400 MiB, beside a C++ program that opens the same file by its path with the same
 * library, in turn. The server's load is all of it: scan, inspection, session, warm-up; CPU is that of the whole process. Both give
 * freed memory back to the system between loads.
 */

import type { BenchCommand } from './bench-options.ts';
import { largeBareLoop, largeProducts } from './models/large-products.ts';
import { ModelFolder } from './models/model-folder.ts';
import { earlierMain, serverMain } from './paths.ts';
import { buildBareLoop } from './process/bare-loop.ts';
import { cpuUs } from './process/linux-process.ts';
import { machineBusyShare } from './process/machine-load.ts';
import { loadModel, unloadModel } from './process/model-control.ts';
import { ServedProcess } from './process/served-process.ts';
import { type Metrics, rowsWithRatios } from './ratios.ts';
import { publish } from './report.ts';

const large = 'large';
const bareName = 'ONNX Runtime alone, by path';

/** A program that holds the model open or not. */
interface Loader {
  readonly name: string;
  readonly pid: number;
  open(): Promise<void>;
  close(): Promise<void>;
}

async function measure({ pid, open, close }: Loader): Promise<Metrics> {
  const [usBefore, startMs] = [cpuUs(pid), performance.now()];
  await open();
  const [ms, us] = [performance.now() - startMs, cpuUs(pid) - usBefore];
  await close();
  return { 'load ms': ms, 'CPU ms': us / 1e3 };
}

async function startServer(name: string, main: string, repository: string, flags: readonly string[]) {
  const serverFlags = ['--model-control-mode=explicit', '--log-info=false', ...flags];
  const server = await ServedProcess.nereid(repository, null, serverFlags, [], main);
  const loader: Loader = {
    name,
    pid: server.pid,
    open: () => loadModel(server, large),
    close: () => unloadModel(server, large),
  };
  return { server, loader };
}

export async function benchLoading(command: BenchCommand): Promise<void> {
  const busyBefore = await machineBusyShare();
  const whyNot = buildBareLoop();
  if (whyNot !== null) throw new Error(`loading: the bare loop cannot be built: ${whyNot}`);
  const repository = new ModelFolder();
  const modelFile = repository.add(largeProducts(large));
  const bare = largeBareLoop(modelFile, repository.path);
  const servers: ServedProcess[] = [];
  const loaders: Loader[] = [];
  const builds: [name: string, main: string][] = [['this build', serverMain]];
  if (command.before !== '') builds.unshift(['before', earlierMain(command.before)]);
  try {
    for (const [name, main] of builds) {
      const { server, loader } = await startServer(name, main, repository.path, command.serverFlags);
      servers.push(server);
      loaders.push(loader);
    }
    const sessions = (count: number) => async (): Promise<void> => void (await bare.open(count));
    loaders.push({ name: bareName, pid: bare.pid, open: sessions(1), close: sessions(0) });
    const measured = new Map<string, Metrics[]>(loaders.map(({ name }) => [name, []]));
    for (let round = -1; round < command.rounds; round += 1) {
      for (const loader of loaders) {
        const metrics = await measure(loader);
        // The first load of a process has its one-time set-up.
        if (round >= 0) measured.get(loader.name)?.push(metrics);
      }
      console.error(`loading: round ${round + 2} of ${command.rounds + 1}`);
    }
    const settings = { rounds: command.rounds, busyBefore: Number(busyBefore.toFixed(2)), modelMiB: 400 };
    const ratios = { 'ms / alone': 'load ms', 'CPU / alone': 'CPU ms' };
    publish('loading', settings, rowsWithRatios(measured, '400 MiB', bareName, ratios));
  } finally {
    bare.close();
    for (const server of servers) await server.stop();
    repository.remove();
  }
}
