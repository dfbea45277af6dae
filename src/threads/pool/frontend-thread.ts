/**
 * The entry of a frontend thread: the same frontends as on the main thread, on sockets that share the port with other
 * threads. Their server is at the other end of the link. This thread has neither ONNX Runtime nor models.
 */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { internal } from '../../errors.ts';
import type { Frontend, Listening } from '../../frontends/frontend.ts';
import { createGrpcFrontend } from '../../frontends/grpc/grpc-frontend.ts';
import { createHttpFrontend } from '../../frontends/http/http-frontend.ts';
import { watchEventLoop } from '../../event-loop/event-loop-watch.ts';
import { TurnCounts } from '../../event-loop/turn-counts.ts';
import { SliceQueue } from '../../frontends/slice-queue.ts';
import { MemoryBudget } from '../../inference/memory-budget.ts';
import { serverRing } from '../../interceptors/server-ring.ts';
import { clockSince } from '../../time.ts';
import { ConnectionBalance, ConnectionCounts } from './connection-balance.ts';
import { LinkServer } from '../link/server.ts';
import { loadNativeThreads } from '../native-threads.ts';
import { SharedMessageMemory } from '../pages/shared-message-memory.ts';
import { reportingLogger } from './thread-log.ts';
import type { FrontendName, FrontendThreadSettings, ThreadOrder, ThreadReport } from './thread-messages.ts';

async function run(port: MessagePort, settings: FrontendThreadSettings): Promise<void> {
  const report = (message: ThreadReport): void => port.postMessage(message);
  const logger = reportingLogger(report);
  const native = loadNativeThreads();
  const exiting = new Int32Array(settings.exiting);
  const isExiting = (): boolean => Atomics.load(exiting, 0) === 1;
  const clock = clockSince(settings.clockOriginMs);
  const { limitBytes, shared: accounts } = settings.budget;
  const budget = new MemoryBudget(limitBytes, accounts, settings.index + 1);
  const interceptors = serverRing(settings.requestLog, { clock, logger });
  const server = new LinkServer(settings.link, native, { clock, logger, budget, interceptors });
  server.connect(settings.doorbell);
  const memory = new SharedMessageMemory(server.arena, budget, clock, native);
  const turns = new TurnCounts(settings.turns).row(settings.index + 1);
  const loop = watchEventLoop(native, turns, `frontend-${settings.index}`, clock, logger);
  const slices = new SliceQueue(clock, loop.spans);
  const shared = { server, clock, logger, isExiting, slices, memory, socketCalls: native };
  const { http, grpc, httpFd, grpcFd } = settings;
  const placementOf = (frontend: FrontendName): ConnectionBalance =>
    new ConnectionBalance(new ConnectionCounts(settings.connections[frontend]), settings.index, native, (fd, to) =>
      report({ kind: 'handOver', frontend, fd, to }),
    );
  const frontends: Frontend[] = [];
  if (httpFd >= 0) {
    const socket = { fd: httpFd };
    frontends.push(createHttpFrontend({ ...shared, config: http, socket, placement: placementOf('http') }));
  }
  if (grpcFd >= 0) {
    const socket = { fd: grpcFd };
    frontends.push(createGrpcFrontend({ ...shared, config: grpc, socket, placement: placementOf('grpc') }));
  }
  const listening = new Map<string, Listening>();
  for (const frontend of frontends) listening.set(frontend.name, await frontend.start());
  port.on('message', (order: ThreadOrder) => {
    if (order.kind === 'adopt') {
      listening.get(order.frontend)?.adopt?.(order.fd);
      report({ kind: 'adopted', id: order.id });
      return;
    }
    Promise.all([...listening.values()].map((one) => one.drain())).then(
      () => report({ kind: 'drained' }),
      (error: unknown) => logger.error({ error }, 'a frontend thread could not finish what it had accepted'),
    );
  });
  loop.tell();
  report({ kind: 'ready', doorbell: server.doorbell });
}

if (parentPort === null) throw internal('a frontend thread is started by the server, not by itself');
await run(parentPort, workerData as FrontendThreadSettings);
