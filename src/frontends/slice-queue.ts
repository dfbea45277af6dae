/**
 * Runs long work in slices, one in each turn of the event loop for everything that shares the queue, so that other work
 * never waits for more than one slice. Requests take turns. Each thread has one queue for all of its frontends.
 */

import type { Clock } from '../time.ts';

export class SliceQueue {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #next = 0;
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `slice` once, in a later turn. It takes a few milliseconds at most, and does not throw. */
  add(slice: () => void): void {
    this.#waiting.push(slice);
    this.#arm();
  }

  /** Resolves in a later turn, for work that is written as an async function. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.add(resolve));
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    const slice = this.#waiting[this.#next++] as () => void;
    if (this.#next === this.#waiting.length || this.#next > 1024) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#waiting.length > this.#next) this.#arm();
    slice();
  };
}
