/**
 * Runs long work in slices, one in each turn of the event loop for everything that shares the queue, so that other work
 * never waits for more than one slice. Requests take turns. Each thread has one queue for all of its frontends.
 */

import { WorkSpans } from '../event-loop/work-spans.ts';
import type { Clock } from '../time.ts';

interface Slice {
  readonly work: string;
  readonly run: () => void;
}

export class SliceQueue {
  readonly #clock: Clock;
  readonly #spans: WorkSpans;
  #waiting: Slice[] = [];
  #next = 0;
  #isArmed = false;

  /** @param spans of the thread, which are told how long slices take; absent means that nobody asks. */
  constructor(clock: Clock, spans: WorkSpans = new WorkSpans(clock)) {
    this.#clock = clock;
    this.#spans = spans;
  }

  /**
   * Calls `run` once, in a later turn. It takes a few milliseconds at most, and does not throw.
   *
   * @param work as of `WorkSpans.timed`.
   */
  add(work: string, run: () => void): void {
    this.#waiting.push({ work, run });
    this.#arm();
  }

  /** Resolves in a later turn, for work that is written as an async function; long parts of it are `timed`. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.add('a turn', resolve));
  }

  /** Runs a part of such work now. @param work as of `WorkSpans.timed`. */
  timed<Result>(work: string, run: () => Result): Result {
    return this.#spans.timed(work, run);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isArmed = false;
    const { work, run } = this.#waiting[this.#next++] as Slice;
    if (this.#next === this.#waiting.length || this.#next > 1024) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#waiting.length > this.#next) this.#arm();
    this.#spans.timed(work, run);
  };
}
