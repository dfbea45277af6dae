/** The load of the machine before a bench starts: figures from a busy machine are useless. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const observedMs = 1000;
const tolerableShare = 0.05;

/** Busy and total time of all processors so far, in the kernel's ticks. Waiting for a disk is not busy. */
function processorTicks(): { busy: number; total: number } {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
  // user nice system idle iowait irq softirq steal; what follows is contained in user and nice.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - ticks[3] - ticks[4], total };
}

/** The share of all processors that others use, over one second; a warning is printed when it is too much. */
export async function machineBusyShare(): Promise<number> {
  const before = processorTicks();
  await sleep(observedMs);
  const after = processorTicks();
  const share = (after.busy - before.busy) / Math.max(1, after.total - before.total);
  if (share > tolerableShare) {
    console.error(
      `warning: others use ${Math.round(share * 100)} % of this machine; the figures will be worse than on a quiet one`,
    );
  }
  return share;
}
