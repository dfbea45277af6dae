/**
 * Predicts whether another request will arrive before the turn of the event loop ends. Waiting for the end of the turn
 * costs a request 5 to 8 µs: little under load, but a twentieth of its latency with one caller at a time. The figures
 * are in docs/decisions/0009-groups-of-one-turn.md.
 */

/**
 * Requests closer together than this can share a batch. Those of one turn arrive within 30 µs of each other, those of
 * one caller who waits for each answer 100 µs apart or more.
 */
export const companyMs = 0.05;

/** After so many lone requests in a row the next one is taken to be lone as well. */
export const loneStreak = 16;

export class LoneArrivals {
  #lastMs = Number.NEGATIVE_INFINITY;
  #streak = 0;

  /** Notes a request, in order of arrival. True when the last ones all came alone, so this one need not wait. */
  note(nowMs: number): boolean {
    const isLone = nowMs - this.#lastMs >= companyMs;
    this.#lastMs = nowMs;
    if (!isLone) this.#streak = 0;
    else if (this.#streak < loneStreak) this.#streak++;
    return this.#streak === loneStreak;
  }
}
