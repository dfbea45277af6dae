/**
 * Whether the next batch of an instance should run on the event loop itself instead of on the instance's thread. A hop to
 * another thread and back costs tens of microseconds of CPU; a batch shorter than that is cheaper where it is. The figures
 * are in docs/decisions/0004-inline-execution.md.
 */

/** A batch counts as short when all of its engine time stays below this. */
export const shortNs = 30_000;
/** An inline batch that takes longer than this sends the instance back to its thread at once. */
export const longNs = 50_000;
/** Short batches in a row that are asked for before the first one runs inline. */
const firstStreak = 16;
const longestStreak = 1024;
/** After so many short inline batches an earlier long one is forgiven. */
const forgivenAfter = 1000;

/**
 * Learns from the time of each batch. Work is taken to grow with the bytes of the inputs: a batch larger than any short
 * one, or as large as a long one, runs on the thread, where its time is learned without harm.
 */
export class InlineChoice {
  readonly #isPossible: boolean;
  #streak = 0;
  #neededStreak = firstStreak;
  #largestShortBytes = -1;
  #smallestLongBytes = Number.POSITIVE_INFINITY;
  #shortsAmongLong = 0;
  #shortInline = 0;

  /** @param isPossible false where a batch can take any time: on a GPU, or with loops in the model. */
  constructor(isPossible: boolean) {
    this.#isPossible = isPossible;
  }

  allows(batchBytes: number): boolean {
    return (
      this.#isPossible &&
      this.#streak >= this.#neededStreak &&
      batchBytes <= this.#largestShortBytes &&
      batchBytes < this.#smallestLongBytes
    );
  }

  /** Tells how a batch went; `wasInline` is what `allows` said before it. */
  record(batchBytes: number, ns: number, wasInline: boolean): void {
    if (ns > (wasInline ? longNs : shortNs)) this.#recordLong(batchBytes, wasInline);
    else if (ns <= shortNs) this.#recordShort(batchBytes, wasInline);
  }

  #recordLong(batchBytes: number, wasInline: boolean): void {
    this.#smallestLongBytes = Math.min(this.#smallestLongBytes, batchBytes);
    this.#shortsAmongLong = 0;
    // On the thread a long batch only says that such large ones are long. Inline it disproves what was believed.
    if (!wasInline && batchBytes > this.#largestShortBytes) return;
    this.#streak = 0;
    this.#largestShortBytes = -1;
    if (!wasInline) return;
    this.#shortInline = 0;
    this.#neededStreak = Math.min(longestStreak, this.#neededStreak * 2);
  }

  #recordShort(batchBytes: number, wasInline: boolean): void {
    if (wasInline) {
      if (++this.#shortInline === forgivenAfter) this.#neededStreak = firstStreak;
      return;
    }
    this.#streak++;
    if (batchBytes > this.#largestShortBytes) this.#largestShortBytes = batchBytes;
    if (batchBytes < this.#smallestLongBytes) return;
    // As large as one that was long, and yet short: believed when it has happened often enough.
    if (++this.#shortsAmongLong < this.#neededStreak) return;
    this.#smallestLongBytes = Number.POSITIVE_INFINITY;
    this.#shortsAmongLong = 0;
  }
}
