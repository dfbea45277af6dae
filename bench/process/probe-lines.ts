/** The lines that a probe in a server writes to its log, one for each record it was asked for. */

import { setTimeout as sleep } from 'node:timers/promises';

import type { ServedProcess } from './served-process.ts';

const timeoutMs = 5000;

const linesOf = (server: ServedProcess, prefix: string): string[] =>
  server.log.split('\n').filter((line) => line.startsWith(prefix));

/** How many lines with that prefix there are so far: the number of the next one. */
export const probeLineCount = (server: ServedProcess, prefix: string): number => linesOf(server, prefix).length;

/**
 * Waits for a line and returns the record in it.
 *
 * @param what the record, for the message when none comes
 * @throws Error when the line does not come in time
 */
export async function probeRecord(
  server: ServedProcess,
  prefix: string,
  lineNumber: number,
  what: string,
): Promise<unknown> {
  const untilMs = performance.now() + timeoutMs;
  while (probeLineCount(server, prefix) <= lineNumber && performance.now() < untilMs) await sleep(10);
  const line = linesOf(server, prefix)[lineNumber];
  if (line === undefined) throw new Error(`the server did not report its ${what}`);
  return JSON.parse(line.slice(prefix.length)) as unknown;
}
