/**
 * Loaded into a server with `--import`: from the first SIGUSR2 to the second it records every collection of V8, then it
 * writes the results to standard output as one line. It only reads V8's records and allocates nothing per request.
 */

import { GCProfiler, getHeapStatistics } from 'node:v8';

import { type GcRecord, gcLinePrefix } from './gc-probe-line.ts';

/** What GCProfiler returns; Node's types leave the inner part out. */
interface GcReport {
  readonly statistics: readonly {
    readonly cost: number;
    readonly beforeGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
    readonly afterGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
  }[];
}

let profiler: GCProfiler | null = null;
let usedAtStart = 0;

function toggle(): void {
  const used = getHeapStatistics().used_heap_size;
  if (profiler === null) {
    profiler = new GCProfiler();
    profiler.start();
    usedAtStart = used;
    return;
  }
  const { statistics } = profiler.stop() as unknown as GcReport;
  profiler = null;
  let allocatedBytes = 0;
  let pauseUs = 0;
  let usedBefore = usedAtStart;
  for (const { cost, beforeGC, afterGC } of statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - usedBefore;
    usedBefore = afterGC.heapStatistics.usedHeapSize;
    pauseUs += cost;
  }
  allocatedBytes += used - usedBefore;
  const record: GcRecord = { allocatedBytes, collections: statistics.length, pauseUs };
  console.log(`${gcLinePrefix}${JSON.stringify(record)}`);
}

process.on('SIGUSR2', toggle);
