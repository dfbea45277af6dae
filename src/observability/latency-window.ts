/**
 * Quantiles over the last minute, for the `summary` families. Durations are counted in buckets whose width grows with
 * the value (64 per doubling, so a quantile is off by at most 0.8 %), in a ring of short periods, of which the oldest
 * is dropped. An observation costs one addition; a sketch that keeps samples costs two orders of magnitude more.
 */

const subBuckets = 64;
/** Everything below 2^10 ns counts as one microsecond, everything from 2^43 ns (2.4 hours) on as the longest. */
const lowestExponent = 10;
const highestExponent = 43;
const bucketCount = (highestExponent - lowestExponent) * subBuckets;

export const windowMs = 60_000;
const periodCount = 5;
const periodMs = windowMs / periodCount;

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);
const highWord = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;
/** The exponent and the first 6 bits of the fraction of an IEEE double are its bucket, but for an offset. */
const offset = (1023 + lowestExponent) * subBuckets;

function bucketOf(ns: number): number {
  bits[0] = ns;
  const bucket = ((words[highWord] as number) >>> 14) - offset;
  return bucket < 0 || ns < 0 ? 0 : Math.min(bucket, bucketCount - 1);
}

/** The middle of a bucket, in nanoseconds. */
function middleOf(bucket: number): number {
  const exponent = lowestExponent + Math.floor(bucket / subBuckets);
  return 2 ** exponent * (1 + ((bucket % subBuckets) + 0.5) / subBuckets);
}

/** Scratch memory for the sum of the periods, used within one call of `quantilesNs` only. */
const merged = new Float64Array(bucketCount);

export class LatencyWindow {
  /** Of all observations ever, as a summary's `_sum` and `_count` are. */
  sumNs = 0;
  count = 0;
  readonly #periods: readonly Uint32Array[];
  /** Observations of each period. */
  readonly #totals: number[] = new Array(periodCount).fill(0);
  #period = 0;
  #periodEndsAtMs: number;

  constructor(nowMs: number) {
    this.#periods = Array.from({ length: periodCount }, () => new Uint32Array(bucketCount));
    this.#periodEndsAtMs = nowMs + periodMs;
  }

  observe(ns: number, nowMs: number): void {
    if (nowMs >= this.#periodEndsAtMs) this.#turn(nowMs);
    const counts = this.#periods[this.#period] as Uint32Array;
    (counts[bucketOf(ns)] as number) += 1;
    (this.#totals[this.#period] as number) += 1;
    this.sumNs += ns;
    this.count += 1;
  }

  /** Nanoseconds below which each share of the last minute's durations lies; NaN when there were none. */
  quantilesNs(shares: readonly number[], nowMs: number): readonly number[] {
    if (nowMs >= this.#periodEndsAtMs) this.#turn(nowMs);
    const total = this.#totals.reduce((sum, count) => sum + count, 0);
    if (total === 0) return shares.map(() => Number.NaN);
    merged.fill(0);
    for (let period = 0; period < periodCount; period += 1) {
      if (this.#totals[period] === 0) continue;
      const counts = this.#periods[period] as Uint32Array;
      for (let bucket = 0; bucket < bucketCount; bucket += 1) {
        (merged[bucket] as number) += counts[bucket] as number;
      }
    }
    return shares.map((share) => quantileOf(Math.max(1, Math.ceil(share * total))));
  }

  #turn(nowMs: number): void {
    const steps = Math.min(periodCount, 1 + Math.floor((nowMs - this.#periodEndsAtMs) / periodMs));
    for (let step = 0; step < steps; step += 1) {
      this.#period = (this.#period + 1) % periodCount;
      if (this.#totals[this.#period] !== 0) this.#periods[this.#period]?.fill(0);
      this.#totals[this.#period] = 0;
    }
    const behindMs = Math.max(0, nowMs - this.#periodEndsAtMs);
    this.#periodEndsAtMs = nowMs + periodMs - (behindMs % periodMs);
  }
}

/** The value of the observation of this rank in `merged`. */
function quantileOf(rank: number): number {
  let seen = 0;
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    seen += merged[bucket] as number;
    if (seen >= rank) return middleOf(bucket);
  }
  return middleOf(bucketCount - 1);
}
