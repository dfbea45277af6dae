/** The loads for the models of `gpu`. Pure. */

import type { Protocol } from './load/load-plan.ts';
import type { BareDevice } from './process/bare-loop.ts';

/** The configuration's max_batch_size, and so the largest batch that anything is compared at. */
export const largestBatch = (device: BareDevice): number => (device === 'cuda' ? 64 : 4);

/** Rows of the batches that the bare loop runs, in ascending order, the largest last. */
export function batchSizes(device: BareDevice, isShort: boolean): readonly number[] {
  if (device === 'cpu') return [1, 4];
  return isShort ? [1, 64] : [1, 8, 32, 64];
}

export interface GpuLoad {
  readonly name: string;
  readonly protocol: Protocol;
  /** Instances of the model on the device. */
  readonly instances: number;
  /** The model replays CUDA graphs. */
  readonly usesGraphs: boolean;
  readonly connections: number;
  readonly outstanding: number;
  /** Rows of the batches of the bare loop with which this load is compared. */
  readonly batch: number;
  /** Null for a closed loop, else the rate of requests as a share of the rate of the largest closed loop. */
  readonly openShare: number | null;
}

const mostConnections = 16;
/** An open loop may have this many requests under way on each connection before it falls behind. */
const openOutstanding = 64;

/**
 * Enough requests of one row under way that batches of `batch` rows can form: one such batch runs and one waits. At the
 * largest size two wait, so that the batch that runs is always full.
 */
function underWay(batch: number, largest: number): number {
  if (batch === 1) return 1;
  return batch === largest ? 4 * batch : 2 * batch;
}

function closed(protocol: Protocol, batch: number, largest: number, instances: number): GpuLoad {
  const requests = underWay(batch, largest);
  // HTTP/1.1 answers in order, so a caller of it has one request under way on each connection.
  const connections = protocol === 'http' ? requests : Math.min(mostConnections, requests);
  const shape = { connections, outstanding: Math.ceil(requests / connections) };
  const name = `${protocol} ${shape.connections}x${shape.outstanding}${instances > 1 ? `, ${instances} instances` : ''}`;
  return { name, protocol, instances, usesGraphs: false, ...shape, batch, openShare: null };
}

function open(share: number, largest: number): GpuLoad {
  const name = `grpc open loop at ${share * 100} %`;
  const shape = { connections: mostConnections, outstanding: openOutstanding };
  return { name, protocol: 'grpc', instances: 1, usesGraphs: false, ...shape, batch: largest, openShare: share };
}

const withGraphs = (load: GpuLoad): GpuLoad => ({ ...load, name: `${load.name}, CUDA graphs`, usesGraphs: true });

/**
 * In an order in which the largest closed loop over gRPC comes before the open loops, one instance before two, and the
 * loads of a model that replays CUDA graphs come last.
 */
export function gpuLoads(device: BareDevice, isShort: boolean): readonly GpuLoad[] {
  const sizes = batchSizes(device, isShort);
  const largest = largestBatch(device);
  const grpc = sizes.map((batch) => closed('grpc', batch, largest, 1));
  const http = (isShort ? [largest] : [1, largest]).map((batch) => closed('http', batch, largest, 1));
  const opened = (isShort ? [0.8] : [0.5, 0.8]).map((share) => open(share, largest));
  const replayed = device === 'cuda' ? [...grpc, ...opened].map(withGraphs) : [];
  return [...grpc, ...http, ...opened, ...(isShort ? [] : [closed('grpc', largest, largest, 2)]), ...replayed];
}

/** The name in the report. */
export const loadTitle = (model: string, load: GpuLoad): string => `${model}, ${load.name}`;

/** The load whose rows per second are the whole of the open loops' shares. */
export const isCapacity = (load: GpuLoad, device: BareDevice): boolean => {
  const { protocol, openShare, instances, usesGraphs, batch } = load;
  return protocol === 'grpc' && openShare === null && instances === 1 && !usesGraphs && batch === largestBatch(device);
};
