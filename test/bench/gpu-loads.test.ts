import { describe, expect, it } from 'vitest';

import { batchSizes, gpuLoads, isCapacity, largestBatch } from '../../bench/gpu-loads.ts';

const devices = ['cpu', 'cuda'] as const;

describe('gpuLoads', () => {
  it.each(devices)('compares every closed loop with a batch that the bare loop runs on %s', (device) => {
    for (const isShort of [true, false]) {
      const sizes = batchSizes(device, isShort);
      expect(sizes.at(-1)).toBe(largestBatch(device));
      for (const load of gpuLoads(device, isShort)) expect(sizes).toContain(load.batch);
    }
  });

  it.each(devices)('measures the capacity once, before the open loops that need it, on %s', (device) => {
    const loads = gpuLoads(device, false);
    const capacity = loads.findIndex((load) => isCapacity(load, device));
    expect(loads.filter((load) => isCapacity(load, device))).toHaveLength(1);
    expect(loads.findIndex(({ openShare }) => openShare !== null)).toBeGreaterThan(capacity);
  });

  it('keeps at least two batches under way, and one request where batches are of one row', () => {
    for (const { connections, outstanding, batch, openShare, name } of gpuLoads('cuda', false)) {
      if (openShare !== null) continue;
      expect({
        name,
        isEnough: batch === 1 ? connections * outstanding === 1 : connections * outstanding >= 2 * batch,
      }).toEqual({ name, isEnough: true });
    }
  });

  it('has the loads of one model with CUDA graphs once more, last, and none on a processor', () => {
    const loads = gpuLoads('cuda', true);
    const first = loads.findIndex(({ usesGraphs }) => usesGraphs);
    expect(loads.slice(first).every(({ usesGraphs }) => usesGraphs)).toBe(true);
    expect(loads.slice(first).map(({ name }) => name)).toEqual([
      'grpc 1x1, CUDA graphs',
      'grpc 16x16, CUDA graphs',
      'grpc open loop at 80 %, CUDA graphs',
    ]);
    expect(gpuLoads('cpu', false).filter(({ usesGraphs }) => usesGraphs)).toEqual([]);
  });

  it('names each load once', () => {
    const names = gpuLoads('cuda', false).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
