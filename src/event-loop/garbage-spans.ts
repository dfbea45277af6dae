/**
 * Adds collections of garbage to the spans of a thread, for a minute after each long turn: they are reported by Node at a cost
 * of some 0.1 ms each, which is too much for always. So the line of a first stall may lack them, and those after it do not.
 */

import { PerformanceObserver } from 'node:perf_hooks';
import type { Clock } from '../time.ts';
import type { WorkSpans } from './work-spans.ts';

const watchedMs = 60_000;

export class GarbageSpans {
  readonly #spans: WorkSpans;
  readonly #clock: Clock;
  readonly #aheadMs: number;
  #observer: PerformanceObserver | null = null;
  #cancelEnd: (() => void) | null = null;

  /** @param aheadMs of the clock against the times of `node:perf_hooks`. */
  constructor(spans: WorkSpans, clock: Clock, aheadMs: number) {
    this.#aheadMs = aheadMs;
    this.#spans = spans;
    this.#clock = clock;
  }

  watch(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = this.#clock.schedule(this.#clock.now() + watchedMs, () => this.close());
    if (this.#observer !== null) return;
    this.#observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) {
        const startMs = startTime + this.#aheadMs;
        this.#spans.add('the collection of garbage', startMs, startMs + duration);
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  close(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = null;
    this.#observer?.disconnect();
    this.#observer = null;
  }
}
