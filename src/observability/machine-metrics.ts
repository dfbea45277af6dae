/**
 * The metrics of the machine and of this process: CPU, memory, accelerators, event loop. Their sources are
 * injected. Readings are taken during a scrape, at most once per interval, so that nothing runs between scrapes.
 */

import { turnBoundsMs, type TurnCounts, type TurnRow } from '../event-loop/turn-counts.ts';
import { bucketSamples, type FamilyHead, type Sample, SeriesLabels, single } from './exposition.ts';

/** State of one accelerator; a field without a reading is null and has no series. */
interface GpuReading {
  readonly uuid: string;
  /** 0 to 1. */
  readonly utilization: number | null;
  readonly totalBytes: number | null;
  readonly usedBytes: number | null;
  readonly powerWatts: number | null;
  readonly powerLimitWatts: number | null;
  /** Since the driver was loaded. */
  readonly energyJoules: number | null;
}

interface GpuProbe {
  /** Never throws; a device that does not answer is left out. */
  read(): readonly GpuReading[];
}

/** Bytes of pinned host memory that the engine has allocated, and how many of them are in use. */
interface PinnedMemoryReading {
  readonly totalBytes: number;
  readonly usedBytes: number;
}

export interface HostReading {
  /** Share of the machine's CPU time that was not idle since the reading before, 0 to 1. */
  readonly cpuUtilization: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
}

export interface ProcessReading {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startTimeSeconds: number;
  /** Share of the time in which the event loop was busy, 0 to 1, since the reading before. */
  readonly eventLoopUtilization: number;
}

/** The probes of a scrape; null for those that this machine or this build does not have. */
export interface MachineProbes {
  readonly host: (() => HostReading | null) | null;
  readonly gpu: GpuProbe | null;
  readonly pinnedMemory: (() => PinnedMemoryReading) | null;
  readonly process: (() => ProcessReading) | null;
  /** Memory of requests and answers, from the first byte received to the last one sent. */
  readonly inflightBytes: (() => number) | null;
  /** How long turns of the event loops took, the main thread's first. */
  readonly turns: TurnCounts | null;
}

interface MachineSample extends Sample {
  /** Absent for a series without labels. */
  readonly labels?: SeriesLabels;
}

interface MachineFamily extends FamilyHead {
  samples(): readonly MachineSample[];
}

/** Caches a reading for `intervalMs`. */
function kept<T>(read: () => T, intervalMs: number, nowMs: () => number): () => T {
  let last: { readonly reading: T; readonly atMs: number } | null = null;
  return () => {
    const atMs = nowMs();
    if (last === null || atMs - last.atMs >= intervalMs) last = { reading: read(), atMs };
    return last.reading;
  };
}

function hostFamilies(read: () => HostReading | null): readonly MachineFamily[] {
  const family = (name: string, help: string, value: (reading: HostReading) => number): MachineFamily => ({
    name,
    type: 'gauge',
    help,
    samples: () => {
      const reading = read();
      return reading === null ? [] : single(value(reading));
    },
  });
  return [
    family('nv_cpu_utilization', 'CPU utilization of the machine [0.0 - 1.0]', (host) => host.cpuUtilization),
    family('nv_cpu_memory_total_bytes', 'CPU total memory (RAM), in bytes', (host) => host.memoryTotalBytes),
    family('nv_cpu_memory_used_bytes', 'CPU used memory (RAM), in bytes', (host) => host.memoryUsedBytes),
  ];
}

function gpuFamilies(read: () => readonly GpuReading[]): readonly MachineFamily[] {
  const family = (
    name: string,
    type: MachineFamily['type'],
    help: string,
    value: (reading: GpuReading) => number | null,
  ): MachineFamily => ({
    name,
    type,
    help,
    samples: () =>
      read().flatMap((reading) => {
        const known = value(reading);
        return known === null ? [] : [{ suffix: '', label: ['gpu_uuid', reading.uuid] as const, value: known }];
      }),
  });
  return [
    family('nv_gpu_utilization', 'gauge', 'GPU utilization rate [0.0 - 1.0]', (gpu) => gpu.utilization),
    family('nv_gpu_memory_total_bytes', 'gauge', 'GPU total memory, in bytes', (gpu) => gpu.totalBytes),
    family('nv_gpu_memory_used_bytes', 'gauge', 'GPU used memory, in bytes', (gpu) => gpu.usedBytes),
    family('nv_gpu_power_usage', 'gauge', 'GPU power usage in watts', (gpu) => gpu.powerWatts),
    family('nv_gpu_power_limit', 'gauge', 'GPU power management limit in watts', (gpu) => gpu.powerLimitWatts),
    family('nv_energy_consumption', 'counter', 'GPU energy consumption in joules', (gpu) => gpu.energyJoules),
  ];
}

function processFamilies(read: () => ProcessReading): readonly MachineFamily[] {
  const family = (
    name: string,
    type: MachineFamily['type'],
    help: string,
    samples: (reading: ProcessReading) => readonly Sample[],
  ): MachineFamily => ({ name, type, help, samples: () => samples(read()) });
  return [
    family('process_cpu_seconds_total', 'counter', 'CPU time of this process, user and system, in seconds', (reading) =>
      single(reading.cpuSeconds),
    ),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory of this process in bytes', (reading) =>
      single(reading.residentBytes),
    ),
    family('process_start_time_seconds', 'gauge', 'Start of this process, in seconds since the epoch', (reading) =>
      single(reading.startTimeSeconds),
    ),
    family(
      'nereid_event_loop_utilization',
      'gauge',
      'Share of time in which the event loop was busy [0.0 - 1.0]',
      (reading) => single(reading.eventLoopUtilization),
    ),
  ];
}

const turnBoundsSeconds: readonly number[] = [...turnBoundsMs].map((ms) => ms / 1e3);

function turnFamily(turns: TurnCounts): MachineFamily {
  const rows = turns.rows().map((row, thread) => ({
    row,
    labels: new SeriesLabels([['thread', thread === 0 ? 'main' : `frontend-${thread - 1}`]]),
  }));
  const samplesOf = (row: TurnRow): readonly Sample[] => bucketSamples(turnBoundsSeconds, row.counts, row.sumSeconds);
  return {
    name: 'nereid_event_loop_stall_seconds',
    type: 'histogram',
    help: 'Time for which one turn of a thread’s event loop held it, in seconds: what arrived meanwhile had to wait',
    // Without frontend threads there is nothing in their rows.
    samples: () =>
      rows.flatMap(({ row, labels }) =>
        row.sumSeconds === 0 ? [] : samplesOf(row).map((sample) => ({ ...sample, labels })),
      ),
  };
}

/** The families that these probes can fill. Readings are cached for half of `intervalMs`, as Triton refreshes them. */
export function machineFamilies(
  probes: MachineProbes,
  intervalMs: number,
  nowMs: () => number,
): readonly MachineFamily[] {
  const keptHalf = <T>(read: () => T): (() => T) => kept(read, intervalMs / 2, nowMs);
  const { host, gpu, pinnedMemory, process, inflightBytes, turns } = probes;
  const families: MachineFamily[] = [];
  if (inflightBytes !== null) {
    families.push({
      name: 'nereid_inflight_bytes',
      type: 'gauge',
      help: 'Memory of requests and answers, from the first byte received to the last one sent',
      samples: () => single(inflightBytes()),
    });
  }
  if (host !== null) families.push(...hostFamilies(keptHalf(host)));
  if (gpu !== null) families.push(...gpuFamilies(keptHalf(() => gpu.read())));
  if (process !== null) families.push(...processFamilies(keptHalf(process)));
  if (turns !== null) families.push(turnFamily(turns));
  if (pinnedMemory !== null) {
    const gaugeOf = (name: string, help: string, value: (reading: PinnedMemoryReading) => number): MachineFamily => ({
      name,
      type: 'gauge',
      help,
      samples: () => single(value(pinnedMemory())),
    });
    families.push(
      gaugeOf(
        'nv_pinned_memory_pool_total_bytes',
        'Pinned memory pool total memory, in bytes',
        (pool) => pool.totalBytes,
      ),
      gaugeOf('nv_pinned_memory_pool_used_bytes', 'Pinned memory pool used memory, in bytes', (pool) => pool.usedBytes),
    );
  }
  return families;
}
