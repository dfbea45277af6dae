/**
 * Loaded into a server with `--import`: from the first SIGUSR2 to the second it watches how late a timer of one millisecond
 * is, then it writes the results to standard output as one line. That is how long turns of the event loop took, as seen from
 * inside, without the way to a client.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';

import { type TurnRecord, turnLinePrefix } from './turn-probe-line.ts';

const resolutionMs = 1;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
let isWatching = false;

const lateMs = (ns: number): number => Math.max(0, ns / 1e6 - resolutionMs);

process.on('SIGUSR2', () => {
  if (!isWatching) {
    delay.reset();
    delay.enable();
    isWatching = true;
    return;
  }
  delay.disable();
  isWatching = false;
  const record: TurnRecord = { p99Ms: lateMs(delay.percentile(99)), maxMs: lateMs(delay.max) };
  console.log(`${turnLinePrefix}${JSON.stringify(record)}`);
});
