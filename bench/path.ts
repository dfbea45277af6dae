/**
 * `path`: the whole way of a request over gRPC, ONNX Runtime included. The server on its own transport, the same on grpc-js,
 * and a C++ server on grpc++ that runs the model inline without a batcher, one process per model.
 */

import { spawnSync } from 'node:child_process';

import type { BenchOptions } from './bench-options.ts';
import { type Contender, type Heat, hold } from './contest.ts';
import type { InferCase } from './load/infer-case.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import { ModelFolder, type ServedModel } from './models/model-folder.ts';
import { smallCases, smallModel } from './models/small-model.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';
import { serverMain } from './paths.ts';
import { AnnouncedProcess, buildPeers } from './process/announced-process.ts';
import { choosePlacement } from './process/cpu-pinning.ts';
import { ServedProcess } from './process/served-process.ts';

const grpcpp = 'C++ grpc++ and ONNX Runtime';
const transportFlag = '--grpc-transport';

const smallShapes = [
  [64, 1],
  [4, 16],
  [16, 4],
  [1, 1],
] as const;

const loads: readonly {
  readonly name: string;
  readonly model: ServedModel;
  readonly cases: readonly InferCase[];
  readonly shapes: readonly (readonly [connections: number, outstanding: number])[];
}[] = [
  { name: 'tiny 64 B', model: tinyModel, cases: tinyCases, shapes: smallShapes },
  { name: 'small 1 KB', model: smallModel, cases: smallCases, shapes: smallShapes },
  { name: 'image 602 KB', model: imageModel, cases: imageCases, shapes: [[4, 4]] },
];

/** Whether the built server lets one choose its gRPC transport. */
const canChooseTransport = (): boolean =>
  spawnSync(process.execPath, [serverMain, 'serve', '--help'], { encoding: 'utf8' }).stdout.includes(transportFlag);

export async function benchPath(options: BenchOptions): Promise<void> {
  const placement = choosePlacement();
  const { measuredCpu } = placement;
  const repository = new ModelFolder();
  const modelFiles = loads.map(({ model }) => repository.add(model));
  const servers: (ServedProcess | AnnouncedProcess)[] = [];
  const started = async <Server extends ServedProcess | AnnouncedProcess>(starting: Promise<Server>) => {
    const server = await starting;
    servers.push(server);
    return server;
  };
  const nereid = (flags: readonly string[]) =>
    started(ServedProcess.nereid(repository.path, measuredCpu, [...options.serverFlags, ...flags]));
  try {
    const whyNot = buildPeers();
    if (whyNot !== null) console.log(`path: without ${grpcpp}, which cannot be built: ${whyNot}`);
    const ours: Contender[] = [{ name: 'nereid', server: await nereid([]) }];
    if (canChooseTransport()) {
      ours.push({ name: 'nereid on grpc-js', server: await nereid([`${transportFlag}=grpc-js`]) });
    } else console.log(`path: without nereid on grpc-js: the built server has no ${transportFlag}`);
    const heats: Heat[] = [];
    for (const [i, { name, cases, shapes }] of loads.entries()) {
      const contenders = [...ours];
      if (whyNot === null) {
        const server = await started(AnnouncedProcess.grpcppOnnx(modelFiles[i], measuredCpu));
        contenders.push({ name: grpcpp, server });
      }
      for (const [connections, outstanding] of shapes) {
        heats.push({ name: `${name} ${connections}x${outstanding}`, cases, connections, outstanding, contenders });
      }
    }
    await hold(
      {
        bench: 'path',
        heats,
        yardstick: grpcpp,
        ratios: { 'CPU / C++': 'CPU us/req', 'req/s / C++': 'req/s', 'p99 / C++': 'p99 us' },
        tolerance: 1e-4,
      },
      placement,
      options,
    );
  } finally {
    for (const server of servers) await server.stop();
    repository.remove();
  }
}
