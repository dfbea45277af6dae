/** Says whether resident memory stayed flat: compares where it had settled with where it ended. */

import { median } from '../../bench/report.ts';

export interface ResidentSample {
  /** Cycles done, or seconds gone. */
  readonly at: number;
  readonly bytes: number;
}

export interface Trend {
  readonly settledBytes: number;
  readonly endBytes: number;
  readonly growth: number;
  readonly isFlat: boolean;
}

const allowedGrowth = 0.05;
const printedSamples = 12;
const mib = 2 ** 20;

/**
 * Growth from the samples up to `settledAt` to the last ones: medians of up to `width` samples each, so that one collection
 * more or less decides nothing. Throws when there are too few samples to say anything.
 */
export function residentTrend(samples: readonly ResidentSample[], settledAt: number, width: number): Trend {
  const settled = samples.filter(({ at }) => at <= settledAt).slice(-width);
  const end = samples.filter(({ at }) => at > settledAt).slice(-width);
  if (settled.length === 0 || end.length === 0) {
    throw new Error(`soak: expected samples before and after ${settledAt}, got ${settled.length} and ${end.length}`);
  }
  const settledBytes = median(settled.map(({ bytes }) => bytes));
  const endBytes = median(end.map(({ bytes }) => bytes));
  const growth = endBytes / settledBytes - 1;
  return { settledBytes, endBytes, growth, isFlat: growth < allowedGrowth };
}

/** A dozen of the samples, spread evenly, and the verdict. */
export function printTrend(unit: string, samples: readonly ResidentSample[], trend: Trend): void {
  const every = Math.max(1, Math.ceil(samples.length / printedSamples));
  console.log(`${unit.padStart(10)}   RSS MiB`);
  for (let i = every - 1; i < samples.length; i += every) {
    console.log(`${samples[i].at.toFixed(0).padStart(10)}  ${(samples[i].bytes / mib).toFixed(1).padStart(8)}`);
  }
  const verdict = trend.isFlat ? 'PASS' : 'FAIL';
  const range = `${(trend.settledBytes / mib).toFixed(1)} MiB settled, ${(trend.endBytes / mib).toFixed(1)} MiB at the end`;
  console.log(
    `${verdict}: ${range}, growth ${(trend.growth * 100).toFixed(2)} % (allowed below ${allowedGrowth * 100} %)`,
  );
}
