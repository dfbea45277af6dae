/**
 * One timer of a scheduler, exact to a fraction of a millisecond if wanted. Node's timers count whole
 * milliseconds; an exact wait sleeps through those and looks at the clock in every turn of the event loop for the rest,
 * with other callbacks running in between. That costs a core for the rest, at most 1.2 ms, so it is done only where the
 * timer alone would be late by more than a third of a millisecond. Nothing runs while nothing waits.
 */

import type { Clock } from '../../time.ts';

/** A timer of n whole milliseconds, n >= 1, fires after n + 0.1 to n + 0.3 ms (measured on Node 20). */
const timerLatenessMs = 0.3;

/** How much longer than wanted an exact wait may sleep, beside the timer's own lateness. */
const toleranceMs = 0.1;

export class WakeTimer {
  readonly #clock: Clock;
  readonly #isExact: boolean;
  readonly #wake: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | null = null;

  /**
   * @param isExact whether to poll the clock near the end instead of waking up to 1.3 ms late
   * @param wake is called at or after the instant; it finds the timer unarmed and may arm it again
   */
  constructor(clock: Clock, isExact: boolean, wake: () => void) {
    this.#clock = clock;
    this.#isExact = isExact;
    this.#wake = wake;
  }

  /**
   * Makes sure that `wake` is called when `atMs` has come. A timer that is due earlier stays: one needless wake-up is
   * cheaper than a new timer for every request. Infinity does nothing.
   */
  wakeBy(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.stop();
    this.#atMs = atMs;
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  readonly #fire = (): void => {
    if (this.#clock.now() < this.#atMs) {
      this.#arm();
      return;
    }
    this.#cancel = null;
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#wake();
  };

  #arm(): void {
    const nowMs = this.#clock.now();
    const leftMs = this.#atMs - nowMs;
    const sleepMs = this.#isExact && Math.ceil(leftMs) - leftMs > toleranceMs ? wholeBelow(leftMs) : Math.ceil(leftMs);
    this.#cancel = sleepMs > 0 ? this.#clock.schedule(nowMs + sleepMs, this.#fire) : this.#clock.soon(this.#fire);
  }
}

/** Whole milliseconds after which a timer has fired before `leftMs` are over; less than 1 for none. */
const wholeBelow = (leftMs: number): number => Math.floor(leftMs - timerLatenessMs);
