/**
 * Finds out whether a client that has closed its side still waits for its answers. TCP announces both with the same
 * FIN: a client that has nothing more to send, and one that has left. Only sending tells them apart, because the system of
 * one that has left resets the connection. So an interim response is sent now and then, which clients skip (RFC 9110,
 * section 15.2.1).
 */

import type { Clock } from '../time.ts';

/** Answers that come this soon are sent without a probe before them. */
const firstPauseMs = 25;
const maxPauseMs = 1000;

export class DepartureProbe {
  readonly #clock: Pick<Clock, 'now' | 'schedule'>;
  readonly #send: () => void;
  #pauseMs = firstPauseMs;
  #cancelNext: (() => void) | null = null;

  /** @param send the interim response, where one may be sent now. */
  constructor(clock: Pick<Clock, 'now' | 'schedule'>, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Sends, with pauses that double up to a second. The reset after one is seen by the next. */
  start(): void {
    this.#cancelNext = this.#clock.schedule(this.#clock.now() + this.#pauseMs, () => {
      this.#pauseMs = Math.min(2 * this.#pauseMs, maxPauseMs);
      this.start();
      this.#send();
    });
  }

  stop(): void {
    this.#cancelNext?.();
  }
}
