/**
 * `frontends`: gRPC transports alone. Ours, grpc-js below the same codecs, and C++ grpc++ all decode a ModelInfer, echo
 * the first 4000 bytes of its tensor and encode the answer.
 */

import type { BenchOptions } from './bench-options.ts';
import { type Contender, type Heat, hold } from './contest.ts';
import type { InferCase } from './load/infer-case.ts';
import { echoCases } from './models/echo-cases.ts';
import { AnnouncedProcess, buildPeers } from './process/announced-process.ts';
import { choosePlacement } from './process/cpu-pinning.ts';

const grpcpp = 'C++ grpc++';

const loads: readonly (readonly [
  name: string,
  cases: readonly InferCase[],
  shapes: readonly (readonly [connections: number, outstanding: number])[],
])[] = [
  [
    '64 B',
    echoCases([1, 16]),
    [
      [1, 1],
      [4, 16],
      [64, 1],
      [16, 4],
    ],
  ],
  ['4 KB', echoCases([1, 1024]), [[4, 16]]],
  ['602 KB', echoCases([1, 3, 224, 224]), [[4, 4]]],
];

const heatsOf = (contenders: readonly Contender[]): Heat[] =>
  loads.flatMap(([name, cases, shapes]) =>
    shapes.map(([connections, outstanding]) => {
      return { name: `${name} ${connections}x${outstanding}`, cases, connections, outstanding, contenders };
    }),
  );

export async function benchFrontends(options: BenchOptions): Promise<void> {
  const { measuredCpu, ...placement } = choosePlacement();
  const servers: AnnouncedProcess[] = [];
  const contenders: Contender[] = [];
  const enter = async (name: string, starting: Promise<AnnouncedProcess>): Promise<void> => {
    const server = await starting;
    servers.push(server);
    contenders.push({ name, server });
  };
  try {
    const whyNot = buildPeers();
    await enter('nereid', AnnouncedProcess.echo('nereid', measuredCpu));
    await enter('grpc-js', AnnouncedProcess.echo('grpc-js', measuredCpu));
    if (whyNot === null) await enter(grpcpp, AnnouncedProcess.grpcppEcho(measuredCpu));
    else console.log(`frontends: without ${grpcpp}, which cannot be built: ${whyNot}`);
    await hold(
      {
        bench: 'frontends',
        heats: heatsOf(contenders),
        yardstick: grpcpp,
        ratios: { 'CPU / grpc++': 'CPU us/req' },
        tolerance: 0,
      },
      { measuredCpu, ...placement },
      options,
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}
