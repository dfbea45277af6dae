/**
 * Pins both sides of a measurement to processors, so that the load generator takes no time from the measured server.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Processors for the two sides; null where they are not pinned. */
export interface Placement {
  readonly measuredCpu: number | null;
  readonly loadCpu: number | null;
  /** For the record: how it was done, or why not. */
  readonly text: string;
}

/** The processors that this process may use, e.g. "0-1,4" → [0, 1, 4]. */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Two processors of those allowed, where taskset and two of them exist. */
export function choosePlacement(): Placement {
  const free = (text: string): Placement => ({ measuredCpu: null, loadCpu: null, text });
  if (spawnSync('taskset', ['--version']).status !== 0) return free('not pinned: taskset is not installed');
  const [measuredCpu, loadCpu] = allowedCpus();
  if (measuredCpu === undefined || loadCpu === undefined) return free('not pinned: there is only one processor');
  return { measuredCpu, loadCpu, text: `server on processor ${measuredCpu}, load generator on processor ${loadCpu}` };
}

/** The command line that runs `command` on that processor. */
export function pinned(cpu: number | null, command: readonly string[]): string[] {
  return cpu === null ? [...command] : ['taskset', '-c', String(cpu), ...command];
}
