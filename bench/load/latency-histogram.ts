/**
 * Latencies in buckets that grow by 1.1 % each, from a tenth of a microsecond to a thousand seconds: constant memory
 * however long a run is, and quantiles within half a bucket.
 */

const bucketsPerDoubling = 64;
const smallestUs = 0.1;
const bucketCount = Math.ceil(Math.log2(1e9 / smallestUs)) * bucketsPerDoubling;

export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #total = 0;
  #maxUs = 0;

  get maxUs(): number {
    return this.#maxUs;
  }

  /** How many answers fell into each bucket; a copy. */
  get counts(): Float64Array {
    return this.#counts.slice();
  }

  /** Adds what another histogram counted; it may come from another process. */
  add(counts: Float64Array, maxUs: number): void {
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      this.#counts[bucket] += counts[bucket];
      this.#total += counts[bucket];
    }
    this.#maxUs = Math.max(this.#maxUs, maxUs);
  }

  record(us: number): void {
    const bucket = Math.floor(Math.log2(Math.max(us, smallestUs) / smallestUs) * bucketsPerDoubling);
    this.#counts[Math.min(bucket, bucketCount - 1)] += 1;
    this.#total += 1;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#maxUs = 0;
  }

  /** The latency that `share` of the answers did not exceed, in microseconds; 0 when nothing was recorded. */
  quantileUs(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      seen += this.#counts[bucket];
      if (seen >= rank) return Math.min(this.#maxUs, smallestUs * 2 ** ((bucket + 0.5) / bucketsPerDoubling));
    }
    return 0;
  }
}
