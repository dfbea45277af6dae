/** The latest long pieces of work of a thread: what held its event loop when a turn was long. */

import type { Clock } from '../time.ts';

/** Shorter work is not the reason of a long turn. */
const leastMs = 1;
const kept = 64;

interface Span {
  readonly work: string;
  readonly startMs: number;
  readonly endMs: number;
}

export class WorkSpans {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #spans: Span[] = [];
  #next = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** @param work a noun with its article, for a sentence: `a JSON answer`. */
  timed<Result>(work: string, run: () => Result): Result {
    const startMs = this.#clock.now();
    try {
      return run();
    } finally {
      this.add(work, startMs, this.#clock.now());
    }
  }

  /** On the thread's clock. */
  add(work: string, startMs: number, endMs: number): void {
    if (endMs - startMs < leastMs) return;
    this.#spans[this.#next] = { work, startMs, endMs };
    this.#next = (this.#next + 1) % kept;
  }

  /** Milliseconds of each kind of work between two moments, the longest first. */
  between(startMs: number, endMs: number): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const span of this.#spans) {
      const ms = Math.min(span.endMs, endMs) - Math.max(span.startMs, startMs);
      if (ms > 0) sums.set(span.work, (sums.get(span.work) ?? 0) + ms);
    }
    return new Map([...sums].sort(([, a], [, b]) => b - a));
  }
}
