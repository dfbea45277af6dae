/**
 * A clock that a test owns. Time moves only in `advance`; what was scheduled fires in order on the way. A turn of the
 * event loop with something to do "soon" takes `turnMs`, so that loops which look at the clock come to an end.
 */

import type { Clock, EventLoopTurn } from '../../src/time.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock, EventLoopTurn {
  readonly turnMs: number;
  #turns = 0;
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  #soon = new Set<{ readonly fire: () => void }>();

  constructor(startMs = 1000, turnMs = 0.0625) {
    this.#nowMs = startMs;
    this.turnMs = turnMs;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Of the turn; time that moves begins another one. */
  get id(): number {
    return this.#turns;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  schedule(atMs: number, fire: () => void): () => void {
    const timer = { atMs, order: this.#order++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(fire: () => void): () => void {
    const entry = { fire };
    this.#soon.add(entry);
    return () => this.#soon.delete(entry);
  }

  /** Timers and soon-callbacks that are set. */
  get waitingCount(): number {
    return this.#timers.size + this.#soon.size;
  }

  /** Runs what was asked for "soon", once, without moving the time: the check phase of this turn. */
  turn(): void {
    this.#turns++;
    const due = this.#soon;
    this.#soon = new Set();
    for (const entry of due) entry.fire();
  }

  /** Moves the time forward, firing what becomes due. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    this.turn();
    for (;;) {
      const timer = this.#firstTimer();
      const turnAtMs = this.#soon.size > 0 ? this.#nowMs + this.turnMs : Number.POSITIVE_INFINITY;
      const nextMs = Math.min(timer?.atMs ?? Number.POSITIVE_INFINITY, turnAtMs);
      if (nextMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      if (timer !== undefined && timer.atMs <= this.#nowMs) {
        this.#timers.delete(timer);
        timer.fire();
      } else {
        this.turn();
      }
    }
    this.#nowMs = endMs;
  }

  /** Time that passes while the event loop is held: nothing fires, and the turn goes on. */
  passes(ms: number): void {
    this.#nowMs += ms;
  }

  #firstTimer(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      const isEarlier = first === undefined || timer.atMs < first.atMs;
      if (isEarlier || (timer.atMs === first?.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
