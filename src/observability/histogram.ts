/**
 * Counting into fixed buckets, in typed arrays: an observation is one binary search and two additions and allocates
 * nothing. `metric-families.ts` writes the counts for a scraper.
 */

/**
 * Upper bounds of whole requests and of their wait, in microseconds: three in each power of ten, which are the limits that
 * service levels are agreed on, from a trivial model on a CPU to a model that takes seconds.
 */
export const latencyBucketsUs: readonly number[] = [
  100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
  5_000_000, 10_000_000,
];

/** The same for the phases of a batch, which may be much shorter. */
export const phaseBucketsUs: readonly number[] = [10, 25, 50, ...latencyBucketsUs];

/** Triton's own bounds of nv_inference_first_response_histogram_ms. */
export const firstResponseBucketsMs: readonly number[] = [100, 500, 2_000, 5_000];

export const batchSizeBucketsRows: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/**
 * Sorts the bounds and drops duplicates and NaN, for callers that are not checked; those of configurations are in
 * order.
 */
function orderedBounds(bounds: readonly number[]): Float64Array {
  const finite = bounds.filter((bound) => Number.isFinite(bound));
  return Float64Array.from(new Set(finite)).sort();
}

export class Histogram {
  /** Upper bounds, inclusive, in the unit of the metric. */
  readonly bounds: Float64Array;
  /** Observations per bound, not cumulated; the last cell counts values above every bound. */
  readonly counts: Float64Array;
  /** Sum of the observed values, in the unit they were observed in. */
  sum = 0;
  /** How many units of the observed values make one unit of the metric: 1000 for nanoseconds shown as microseconds. */
  readonly unitsPerStep: number;
  readonly #limits: Float64Array;

  /** @param bounds in any order; a Float64Array is that of another histogram, which is shared. */
  constructor(bounds: readonly number[] | Float64Array, unitsPerStep: number) {
    this.bounds = bounds instanceof Float64Array ? bounds : orderedBounds(bounds);
    this.counts = new Float64Array(this.bounds.length + 1);
    this.unitsPerStep = unitsPerStep;
    this.#limits = this.bounds.map((bound) => bound * unitsPerStep);
  }

  observe(value: number): void {
    const limits = this.#limits;
    let low = 0;
    let high = limits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (limits[middle] as number)) high = middle;
      else low = middle + 1;
    }
    (this.counts[low] as number) += 1;
    this.sum += value;
  }

  /** Observations so far. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Adds the counts of another histogram; both must have the same bounds. */
  add(other: Histogram): void {
    for (const [index, count] of other.counts.entries()) (this.counts[index] as number) += count;
    this.sum += other.sum;
  }

  hasBoundsOf(other: Histogram): boolean {
    if (this.bounds === other.bounds) return true;
    return this.bounds.length === other.bounds.length && this.bounds.every((bound, i) => bound === other.bounds[i]);
  }

  /** An empty one with the same bounds. */
  emptied(): Histogram {
    return new Histogram(this.bounds, this.unitsPerStep);
  }
}
