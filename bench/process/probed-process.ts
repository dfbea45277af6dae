/** A server with the garbage collection probe in it, and a load that is recorded by it. */

import { fileURLToPath } from 'node:url';

import { assertAnswered } from '../load/answered-load.ts';
import type { Generator } from '../load/generator.ts';
import type { LoadPlan, OwnLoadResult } from '../load/load-plan.ts';
import { type GcRecord, gcLinePrefix } from './gc-probe-line.ts';
import { probeLineCount, probeRecord } from './probe-lines.ts';
import type { ServedProcess } from './served-process.ts';

/** Node's flags that put the probe into a server. */
export const probeFlags: readonly string[] = [`--import=${fileURLToPath(new URL('./gc-probe.js', import.meta.url))}`];

/**
 * Runs the plan without its warm-up and returns what the probe recorded meanwhile.
 *
 * @throws Error when a request failed, or the server reported nothing.
 */
export async function recordedLoad(
  server: ServedProcess,
  plan: LoadPlan,
  generator: Generator,
): Promise<{ readonly result: OwnLoadResult; readonly record: GcRecord }> {
  const lineNumber = probeLineCount(server, gcLinePrefix);
  process.kill(server.pid, 'SIGUSR2');
  const result = await generator.run({ ...plan, warmUpMs: 0 });
  process.kill(server.pid, 'SIGUSR2');
  const record = await probeRecord(server, gcLinePrefix, lineNumber, 'collections');
  assertAnswered(result, 'the recorded load', server.log);
  return { result, record: record as GcRecord };
}
