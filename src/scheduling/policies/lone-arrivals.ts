/**
 * Predicts whether another request will arrive before the turn of the event loop ends. Waiting for the end of the turn
 * costs a request 5 to 8 µs: little under load, but a twentieth of its latency with one caller at a time. The figures
 * are in docs/decisions/0009-groups-of-one-turn.md.
 */

import type { EventLoopTurn } from '../../time.ts';

/**
 * Requests closer together than this can share a batch. Those of one turn arrive within 30 µs of each other, those of
 * one caller who waits for each answer 100 µs apart or more.
 */
export const companyMs = 0.05;

/** After so many lone requests in a row the next one is taken to be lone as well. */
export const loneStreak = 16;

export class LoneArrivals {
  readonly #turn: EventLoopTurn;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastTurn = Number.NaN;
  #streak = 0;

  /** @param turn of the event loop that the requests arrive on */
  constructor(turn: EventLoopTurn) {
    this.#turn = turn;
  }

  /** Notes a request, in order of arrival. True when the last ones all came alone, so this one need not wait. */
  note(nowMs: number): boolean {
    // A lone request runs before the next one is read, so two of one turn can be further apart than two callers are:
    // by the time alone a crowd would be served one by one, and would go on to look like lone callers.
    const turn = this.#turn.id;
    const isLone = nowMs - this.#lastMs >= companyMs && turn !== this.#lastTurn;
    this.#lastMs = nowMs;
    this.#lastTurn = turn;
    if (!isLone) this.#streak = 0;
    else if (this.#streak < loneStreak) this.#streak++;
    return this.#streak === loneStreak;
  }
}
