/**
 * Whether a request is likely to get company before the turn of the event loop ends. Waiting for the end of the turn costs a
 * request 5 to 8 µs: nothing beside others, a twentieth of the whole where there is one caller at a time. The figures are in
 * docs/decisions/0009-groups-of-one-turn.md.
 */

/**
 * Requests closer together than this are company. Those that one turn brings come within 30 µs of each other, those of one
 * caller who waits for each answer 100 µs apart or more.
 */
export const companyMs = 0.05;

/** After so many lone requests in a row the next one is taken to be lone as well. */
export const loneStreak = 16;

export class LoneArrivals {
  #lastMs = Number.NEGATIVE_INFINITY;
  #streak = 0;

  /** Notes a request, in order of arrival. True when none came close to any of the last ones: it need not wait. */
  note(nowMs: number): boolean {
    const isLone = nowMs - this.#lastMs >= companyMs;
    this.#lastMs = nowMs;
    if (!isLone) this.#streak = 0;
    else if (this.#streak < loneStreak) this.#streak++;
    return this.#streak === loneStreak;
  }
}
