import { describe, expect, it } from 'vitest';

import { sharesOf, together } from '../../../bench/load/generator-group.ts';
import { LatencyHistogram } from '../../../bench/load/latency-histogram.ts';
import type { LoadPlan, OwnLoadResult } from '../../../bench/load/load-plan.ts';

const plan: LoadPlan = {
  protocol: 'grpc',
  port: 1,
  connections: 10,
  outstanding: 4,
  cases: [],
  checkEvery: 1,
  tolerance: 0,
  warmUpMs: 0,
  windowMs: 1,
  maxRequests: 1000,
  measuredPid: 1,
};

describe('sharesOf', () => {
  it('cuts connections, requests and rate so that they add up', () => {
    const shares = sharesOf({ ...plan, requestsPerSecond: 500 }, 4);
    expect(shares.map(({ connections }) => connections)).toEqual([2, 2, 3, 3]);
    expect(shares.map(({ maxRequests }) => maxRequests)).toEqual([200, 200, 300, 300]);
    expect(shares.reduce((sum, { requestsPerSecond = 0 }) => sum + requestsPerSecond, 0)).toBeCloseTo(500);
  });

  it('has no piece without a connection, and no rate where there was none', () => {
    const shares = sharesOf({ ...plan, connections: 2 }, 4);
    expect(shares.map(({ connections }) => connections)).toEqual([1, 1]);
    expect(shares[0]).not.toHaveProperty('requestsPerSecond');
  });
});

function result(latenciesUs: readonly number[], over: Partial<OwnLoadResult> = {}): OwnLoadResult {
  const histogram = new LatencyHistogram();
  for (const us of latenciesUs) histogram.record(us);
  return {
    succeeded: latenciesUs.length,
    failed: 0,
    checked: 0,
    firstFailure: null,
    seconds: 1,
    serverCpuUs: 800,
    busiestThreadCpuUs: 500,
    generatorCpuUs: 100,
    p50Us: histogram.quantileUs(0.5),
    p99Us: histogram.quantileUs(0.99),
    maxUs: histogram.maxUs,
    latencyCounts: histogram.counts,
    ...over,
  };
}

describe('together', () => {
  it('takes quantiles over the answers of all', () => {
    const all = together([result(Array(98).fill(100)), result([5000, 5000, 5000])]);
    expect(all.succeeded).toBe(101);
    expect(all.p50Us).toBeCloseTo(100, -1);
    expect(all.p99Us).toBeCloseTo(5000, -2);
    expect(all.maxUs).toBe(5000);
  });

  it('counts the server once and the busiest generator', () => {
    const all = together([
      result([1], { generatorCpuUs: 100 }),
      result([1], { generatorCpuUs: 300, serverCpuUs: 1000 }),
    ]);
    expect(all.serverCpuUs).toBe(900);
    expect(all.generatorCpuUs).toBe(300);
  });

  it('keeps every failure and the first reason', () => {
    const all = together([result([1]), result([1], { failed: 2, firstFailure: 'gRPC status 14' })]);
    expect(all).toMatchObject({ failed: 2, firstFailure: 'gRPC status 14' });
  });
});
