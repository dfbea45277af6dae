/** One load on one of our servers: the plan of it, and a measurement that counts only if every request was answered well. */

import type { ServedProcess } from '../process/served-process.ts';
import { assertAnswered } from './answered-load.ts';
import type { InferCase } from './infer-case.ts';
import type { LoadPlan, LoadResult, Protocol } from './load-plan.ts';

export interface ServerLoad {
  /** For the table, and for the error when a request failed. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly cases: readonly InferCase[];
  readonly connections: number;
  /** As in `LoadPlan`. */
  readonly outstanding: number;
}

type Times = Pick<LoadPlan, 'warmUpMs' | 'windowMs'>;

/** A closed loop; every sixteenth answer is compared. */
export const serverPlan = (
  server: ServedProcess,
  { protocol, cases, connections, outstanding }: ServerLoad,
  { warmUpMs, windowMs }: Times,
): LoadPlan => ({
  protocol,
  port: protocol === 'grpc' ? server.grpcPort : server.httpPort,
  connections,
  outstanding,
  cases,
  checkEvery: 16,
  tolerance: 1e-4,
  warmUpMs,
  windowMs,
  maxRequests: Number.MAX_SAFE_INTEGER,
  measuredPid: server.pid,
});

/** @throws Error with the first failure and the server's log where a request failed or none was answered. */
export async function measureLoad(
  generator: { run(plan: LoadPlan): Promise<LoadResult> },
  server: ServedProcess,
  load: ServerLoad,
  times: Times,
): Promise<LoadResult> {
  const result = await generator.run(serverPlan(server, load, times));
  assertAnswered(result, load.name, server.log);
  return result;
}
