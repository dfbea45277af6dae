/**
 * Notices whether batches come one at a time: the next one only when the answer of the last one has gone out. Then
 * nothing else wants the event loop while a batch runs, and a batch may run on it that would otherwise be too long.
 *
 * Only a batch that runs on a thread shows this, because the event loop is free meanwhile and takes what arrives. So
 * one batch in some hundred goes to its thread even where it need not.
 */

/** After so many lone batches in a row the next one is taken to be lone as well. */
const loneStreak = 32;
/** One batch of so many is sent to its thread to look again; rare enough not to be seen in the 99th percentile. */
const probeInterval = 128;

/** One for all instances whose results come to the same event loop. */
export class LoneRuns {
  #submitted = 0;
  #streak = 0;
  #sinceProbe = 0;

  /**
   * Counts a batch that is handed to any instance.
   *
   * @param isShared whether several requests share it, which therefore did not come alone
   * @returns its number, for `ended`
   */
  submitted(isShared: boolean): number {
    if (isShared) this.#streak = 0;
    this.#submitted++;
    return this.#submitted;
  }

  /** A batch has ended on a thread, and its scheduler has been told, which has started waiting ones. */
  ended(submitted: number): void {
    if (submitted !== this.#submitted) this.#streak = 0;
    else if (this.#streak < loneStreak) this.#streak++;
  }

  /** Whether the next batch may run on the event loop for being alone. Counts: to be called once for each. */
  takesLoop(): boolean {
    if (this.#streak < loneStreak) return false;
    this.#sinceProbe++;
    if (this.#sinceProbe < probeInterval) return true;
    this.#sinceProbe = 0;
    return false;
  }
}
