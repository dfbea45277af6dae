/**
 * Decides whether the next batch of an instance runs on the event loop or on the instance's thread. A hop to another
 * thread and back costs tens of microseconds of CPU, so a shorter batch is cheaper on the event loop. The figures are
 * in docs/decisions/0004-inline-execution.md.
 *
 * Durations are measured with a wall clock, so about one batch in twenty seems long for a reason outside the model: an
 * interrupt, another process, a neighbour of the virtual machine. Therefore the decision counts how often batches are
 * long; only a very long batch decides alone.
 */

/** Limits on the engine time of a batch. */
interface InlineLimits {
  /** A batch counts as short when all of its time stays below this. */
  readonly shortNs: number;
  /** An inline batch that takes longer than this is a strike against running inline. */
  readonly longNs: number;
  /** An inline batch that takes longer than this sends the instance back to its thread at once. */
  readonly veryLongNs: number;
}

/** For any batch: to others on the event loop it is no more than the handling of a few requests. */
export const usualLimits: InlineLimits = { shortNs: 30_000, longNs: 50_000, veryLongNs: 150_000 };

/** For a batch that is alone (`lone-runs.ts`): it delays only requests that come unexpectedly. */
export const loneLimits: InlineLimits = { shortNs: 100_000, longNs: 150_000, veryLongNs: 400_000 };

/** So many more short batches than long ones are required before the first one runs inline. */
const firstCredit = 16;
const largestCredit = 1024;
/** Short inline batches that cancel one strike, so less than a fifth may be long. */
const strikeWeight = 4;
/** Beyond this sum of weighted strikes the instance goes back to its thread. */
const mostStrikes = 16;
/** After so many short inline batches the number of required short batches is halved. */
const forgivenAfter = 250;

/**
 * Learns from the time of each batch. It assumes that work grows with the bytes of the inputs: a batch larger than any
 * short one, or as large as a long one, runs on the thread, where its time is learned without harm.
 */
export class InlineChoice {
  readonly #isPossible: boolean;
  readonly #shortNs: number;
  readonly #longNs: number;
  readonly #veryLongNs: number;
  /** Short batches minus long ones, on the thread and of sizes that were short before; at most `#neededCredit`. */
  #credit = 0;
  #neededCredit = firstCredit;
  #largestShortBytes = -1;
  #smallestLongBytes = Number.POSITIVE_INFINITY;
  /** The same balance for batches as large as the smallest long one. */
  #creditOfLong = 0;
  #strikes = 0;
  #shortInline = 0;

  /** @param isPossible false where a batch can take any time: on a GPU, or with loops in the model. */
  constructor(isPossible: boolean, { shortNs, longNs, veryLongNs }: InlineLimits) {
    this.#isPossible = isPossible;
    this.#shortNs = shortNs;
    this.#longNs = longNs;
    this.#veryLongNs = veryLongNs;
  }

  allows(batchBytes: number): boolean {
    return (
      this.#isPossible &&
      this.#credit >= this.#neededCredit &&
      batchBytes <= this.#largestShortBytes &&
      batchBytes < this.#smallestLongBytes
    );
  }

  /** Records the time of a batch; `wasInline` is the result of `allows` before it. */
  record(batchBytes: number, ns: number, wasInline: boolean): void {
    if (wasInline) this.#recordInline(batchBytes, ns);
    else if (ns <= this.#shortNs) this.#recordShort(batchBytes);
    else this.#recordLong(batchBytes);
  }

  #recordInline(batchBytes: number, ns: number): void {
    if (ns <= this.#shortNs) {
      if (this.#strikes > 0) this.#strikes--;
      if (++this.#shortInline < forgivenAfter) return;
      this.#shortInline = 0;
      this.#neededCredit = Math.max(firstCredit, this.#neededCredit / 2);
      return;
    }
    if (ns > this.#longNs) this.#strikes += strikeWeight;
    if (ns > this.#veryLongNs || this.#strikes > mostStrikes) this.#leaveLoop(batchBytes);
  }

  /** Returns to the thread; everything is learned again, with more short batches than last time. */
  #leaveLoop(batchBytes: number): void {
    this.#credit = 0;
    this.#neededCredit = Math.min(largestCredit, this.#neededCredit * 2);
    this.#largestShortBytes = -1;
    this.#smallestLongBytes = Math.min(this.#smallestLongBytes, batchBytes);
    this.#creditOfLong = 0;
    this.#strikes = 0;
    this.#shortInline = 0;
  }

  #recordShort(batchBytes: number): void {
    if (this.#credit < this.#neededCredit) this.#credit++;
    if (batchBytes > this.#largestShortBytes) this.#largestShortBytes = batchBytes;
    if (batchBytes < this.#smallestLongBytes) return;
    // Short although as large as a long one: trusted when it has happened often enough.
    if (++this.#creditOfLong < this.#neededCredit) return;
    this.#smallestLongBytes = Number.POSITIVE_INFINITY;
    this.#creditOfLong = 0;
  }

  #recordLong(batchBytes: number): void {
    if (batchBytes >= this.#smallestLongBytes) {
      if (this.#creditOfLong > 0) this.#creditOfLong--;
    } else if (batchBytes > this.#largestShortBytes) {
      this.#smallestLongBytes = batchBytes;
      this.#creditOfLong = 0;
    }
    // A long batch of a size that was never short says nothing about smaller ones.
    if (batchBytes <= this.#largestShortBytes && this.#credit > 0) this.#credit--;
  }
}
