/** Runs one plan from the first connection to the figures of its window. */

import { setTimeout as sleep } from 'node:timers/promises';

import { cpuUs, threadCpuUs } from '../process/linux-process.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { grpcMessage } from './grpc-infer.ts';
import { HttpConnection } from './http-connection.ts';
import { httpRequest } from './http-infer.ts';
import type { LoadConnection } from './load-connection.ts';
import type { LoadPlan, OwnLoadResult } from './load-plan.ts';
import { LoadRecorder } from './load-recorder.ts';
import { closedLoop, openLoop, type Pace, SteadyPace } from './pace.ts';

/** The longest wait for open answers after the window. */
const drainMs = 10_000;

/** Connections opened at the same time: more than a server's backlog would be reset. */
const openedTogether = 128;

async function openConnections(plan: LoadPlan, recorder: LoadRecorder): Promise<LoadConnection[]> {
  const host = `127.0.0.1:${plan.port}`;
  const requests = plan.cases.map((each) => (plan.protocol === 'http' ? httpRequest(each, host) : grpcMessage(each)));
  const kind = plan.protocol === 'http' ? HttpConnection : GrpcConnection;
  const opened: LoadConnection[] = [];
  while (opened.length < plan.connections) {
    const count = Math.min(openedTogether, plan.connections - opened.length);
    const open = () => kind.open(plan.port, requests, plan.outstanding, recorder);
    opened.push(...(await Promise.all(Array.from({ length: count }, open))));
  }
  return opened;
}

const inFlight = (connections: readonly LoadConnection[]): number =>
  connections.reduce((sum, connection) => sum + connection.inFlight, 0);

async function drain(connections: readonly LoadConnection[], recorder: LoadRecorder): Promise<void> {
  const untilMs = performance.now() + drainMs;
  while (inFlight(connections) > 0 && performance.now() < untilMs) await sleep(5);
  const left = inFlight(connections);
  for (let i = 0; i < left; i += 1) recorder.fail(`no answer within ${drainMs} ms`);
  for (const connection of connections) connection.close();
}

function largestGrowth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  let largest = 0;
  for (const [thread, us] of after) largest = Math.max(largest, us - (before.get(thread) ?? 0));
  return largest;
}

/**
 * Has the connections send in turn whenever a request is due, until the recorder wants no more. Takes a whole
 * processor.
 */
function pump(connections: readonly LoadConnection[], recorder: LoadRecorder): void {
  let next = 0;
  const turn = (): void => {
    if (!recorder.isSending) return;
    connections[next].send();
    next = (next + 1) % connections.length;
    setImmediate(turn);
  };
  turn();
}

function paceOf({ requestsPerSecond, everyMs }: LoadPlan): Pace {
  if (everyMs !== undefined) return new SteadyPace();
  return requestsPerSecond === undefined ? closedLoop : openLoop(requestsPerSecond, performance.now());
}

/** Has the connections send in turn, one with each tick. */
function sendSteadily(
  connections: readonly LoadConnection[],
  recorder: LoadRecorder,
  pace: SteadyPace,
  everyMs: number,
): void {
  let next = 0;
  const timer = setInterval(() => {
    if (!recorder.isSending) {
      clearInterval(timer);
      return;
    }
    pace.tick();
    connections[next].send();
    next = (next + 1) % connections.length;
  }, everyMs);
}

/** Ends early, with what was counted, when every connection has broken. Rejects when the server cannot be reached. */
export async function runLoad(plan: LoadPlan): Promise<OwnLoadResult> {
  const { requestsPerSecond, everyMs } = plan;
  const pace = paceOf(plan);
  const recorder = new LoadRecorder(plan.cases, plan, pace);
  const connections = await openConnections(plan, recorder);
  if (pace instanceof SteadyPace) sendSteadily(connections, recorder, pace, everyMs ?? 1);
  else if (requestsPerSecond === undefined) for (const connection of connections) connection.send();
  else pump(connections, recorder);
  await sleep(plan.warmUpMs);

  const threadsStartUs = threadCpuUs(plan.measuredPid);
  const serverStartUs = cpuUs(plan.measuredPid);
  const ownStart = process.cpuUsage();
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timeout);
      clearInterval(watch);
      resolve();
    };
    const timeout = setTimeout(end, plan.windowMs);
    const watch = setInterval(() => {
      if (connections.every((connection) => connection.isBroken)) end();
    }, 200);
    recorder.openWindow(plan.maxRequests, end);
  });
  const seconds = (performance.now() - startMs) / 1000;
  const { succeeded, checked } = recorder.counts;
  const serverCpuUs = cpuUs(plan.measuredPid) - serverStartUs;
  const busiestThreadCpuUs = largestGrowth(threadsStartUs, threadCpuUs(plan.measuredPid));
  const own = process.cpuUsage(ownStart);
  const [p50Us, p99Us] = [recorder.latencies.quantileUs(0.5), recorder.latencies.quantileUs(0.99)];
  const { maxUs, counts: latencyCounts } = recorder.latencies;

  recorder.stopSending();
  await drain(connections, recorder);
  const { failed, firstFailure } = recorder.counts;
  const generatorCpuUs = own.user + own.system;
  return {
    ...{ succeeded, failed, checked, firstFailure, seconds },
    ...{ serverCpuUs, busiestThreadCpuUs, generatorCpuUs, p50Us, p99Us, maxUs, latencyCounts },
  };
}
