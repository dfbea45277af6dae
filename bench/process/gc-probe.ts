/**
 * Loaded into a server with `--import`: from the first SIGUSR2 to the second it records every collection of V8 and every
 * buffer that the main thread makes, by itself or for a slab of the engine, then it writes the results to standard output
 * as one line. It allocates nothing per request.
 */

import { GCProfiler, getHeapStatistics } from 'node:v8';

import { type GcRecord, gcLinePrefix } from './gc-probe-line.ts';

interface HeapSizes {
  readonly usedHeapSize: number;
}

/** What GCProfiler returns; Node's types leave the inner part out. */
interface GcReport {
  readonly statistics: readonly {
    readonly gcType: string;
    readonly cost: number;
    readonly beforeGC: { readonly heapStatistics: HeapSizes };
    readonly afterGC: { readonly heapStatistics: HeapSizes };
  }[];
}

/** From this size on `Buffer.allocUnsafe` makes memory for each buffer; smaller ones share memory of `poolSize`. */
const ownBytes = Buffer.poolSize >>> 1;

let bufferCount = 0;
let slabCount = 0;

/** Counts the calls of a function of `Buffer` whose first argument is a size. */
function count(name: 'alloc' | 'allocUnsafe' | 'allocUnsafeSlow', isShared: boolean): void {
  const made = Buffer[name] as (size: number, ...rest: readonly unknown[]) => Buffer;
  const counting = (size: number, ...rest: readonly unknown[]): Buffer => {
    bufferCount += isShared && size < ownBytes ? size / Buffer.poolSize : 1;
    return made(size, ...rest);
  };
  (Buffer as unknown as Record<string, unknown>)[name] = counting;
}

count('alloc', false);
count('allocUnsafe', true);
count('allocUnsafeSlow', false);

/** Counts the buffers that the addon makes over slabs; the server loads it after this probe. */
function countSlabs(): void {
  const load = process.dlopen;
  process.dlopen = (module: object, ...rest: readonly unknown[]): void => {
    Reflect.apply(load, process, [module, ...rest]);
    const { exports } = module as { exports: Record<string, unknown> };
    const { slabBuffer } = exports;
    if (typeof slabBuffer !== 'function') return;
    exports.slabBuffer = (instance: number, slab: number): unknown => {
      slabCount += 1;
      return slabBuffer(instance, slab);
    };
  };
}

countSlabs();

let profiler: GCProfiler | null = null;
let usedAtStart = 0;
let buffersAtStart = 0;
let slabsAtStart = 0;

function toggle(): void {
  const used = getHeapStatistics().used_heap_size;
  if (profiler === null) {
    profiler = new GCProfiler();
    profiler.start();
    usedAtStart = used;
    buffersAtStart = bufferCount;
    slabsAtStart = slabCount;
    return;
  }
  const { statistics } = profiler.stop() as unknown as GcReport;
  profiler = null;
  let allocatedBytes = 0;
  let pauseUs = 0;
  let fullCollections = 0;
  let usedBefore = usedAtStart;
  for (const { gcType, cost, beforeGC, afterGC } of statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - usedBefore;
    usedBefore = afterGC.heapStatistics.usedHeapSize;
    pauseUs += cost;
    if (gcType === 'MarkSweepCompact') fullCollections += 1;
  }
  allocatedBytes += used - usedBefore;
  const record: GcRecord = {
    allocatedBytes,
    bufferCount: bufferCount - buffersAtStart,
    slabCount: slabCount - slabsAtStart,
    collections: statistics.length,
    fullCollections,
    pauseUs,
  };
  console.log(`${gcLinePrefix}${JSON.stringify(record)}`);
}

process.on('SIGUSR2', toggle);
