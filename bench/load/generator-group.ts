/**
 * Several load generators as one, each a process of its own: for servers that use more processors than one generator can
 * keep busy. Each takes its share of the connections and of the requests.
 */

import { availableParallelism } from 'node:os';

import { Generator } from './generator.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LoadPlan, LoadResult, OwnLoadResult } from './load-plan.ts';

const mostGenerators = 4;

/** A quarter of the processors, at least one and at most four: the rest is for the server. */
export const generatorCount = (): number =>
  Math.max(1, Math.min(mostGenerators, Math.floor(availableParallelism() / 4)));

/** The plan cut into at most `count` pieces of at least one connection. */
export function sharesOf(plan: LoadPlan, count: number): LoadPlan[] {
  const pieces = Math.min(count, plan.connections);
  return Array.from({ length: pieces }, (_, i) => {
    const connections = Math.floor((plan.connections + i) / pieces);
    const share = connections / plan.connections;
    const maxRequests = Math.ceil(plan.maxRequests * share);
    const { requestsPerSecond } = plan;
    return requestsPerSecond === undefined
      ? { ...plan, connections, maxRequests }
      : { ...plan, connections, maxRequests, requestsPerSecond: requestsPerSecond * share };
  });
}

/**
 * The figures of all together. They run at the same time, so rates add up and each saw the same server; of the generators'
 * own time the busiest one counts, because it is the first to be at its limit.
 */
export function together(results: readonly OwnLoadResult[]): LoadResult {
  const latencies = new LatencyHistogram();
  for (const { latencyCounts, maxUs } of results) latencies.add(latencyCounts, maxUs);
  const sum = (of: (result: OwnLoadResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const most = (of: (result: OwnLoadResult) => number): number => Math.max(...results.map(of));
  const seconds = most((result) => result.seconds);
  return {
    succeeded: sum(({ succeeded }) => succeeded),
    failed: sum(({ failed }) => failed),
    checked: sum(({ checked }) => checked),
    firstFailure: results.find(({ firstFailure }) => firstFailure !== null)?.firstFailure ?? null,
    seconds,
    serverCpuUs: (sum((result) => result.serverCpuUs / result.seconds) / results.length) * seconds,
    busiestThreadCpuUs: most(({ busiestThreadCpuUs }) => busiestThreadCpuUs),
    generatorCpuUs: most(({ generatorCpuUs }) => generatorCpuUs),
    p50Us: latencies.quantileUs(0.5),
    p99Us: latencies.quantileUs(0.99),
    maxUs: latencies.maxUs,
  };
}

export class GeneratorGroup {
  readonly #generators: readonly Generator[];

  constructor(count: number) {
    this.#generators = Array.from({ length: count }, () => new Generator(null));
  }

  get size(): number {
    return this.#generators.length;
  }

  /** As `Generator.run`. */
  async run(plan: LoadPlan): Promise<LoadResult> {
    const shares = sharesOf(plan, this.#generators.length);
    return together(await Promise.all(shares.map((share, i) => this.#generators[i].run(share))));
  }

  close(): void {
    for (const generator of this.#generators) generator.close();
  }
}
