/**
 * The times at which requests are due: at once in a closed loop, or at moments independent of answers in an open loop.
 */

export interface Pace {
  /** The moment at which a request was due, taken off; null while none is. Times are those of `performance.now()`. */
  takeDue(nowMs: number): number | null;
}

/** A request is due whenever there is room for it. */
export const closedLoop: Pace = { takeDue: (nowMs) => nowMs };

/**
 * One request for each tick, whether the answers come or not. Its latency begins when it leaves: a generator whose timer was
 * late says nothing about the server.
 */
export class SteadyPace implements Pace {
  #due = 0;

  tick(): void {
    this.#due += 1;
  }

  takeDue(nowMs: number): number | null {
    if (this.#due === 0) return null;
    this.#due -= 1;
    return nowMs;
  }
}

/**
 * Requests at random moments, `requestsPerSecond` of them on average from `startMs` on (a Poisson process, as
 * independent callers make one). One that could not leave in time is due all the same and keeps its moment.
 */
export function openLoop(requestsPerSecond: number, startMs: number, random: () => number = Math.random): Pace {
  const meanGapMs = 1000 / requestsPerSecond;
  const gapMs = (): number => -Math.log(1 - random()) * meanGapMs;
  let nextMs = startMs + gapMs();
  return {
    takeDue(nowMs) {
      if (nextMs > nowMs) return null;
      const dueMs = nextMs;
      nextMs += gapMs();
      return dueMs;
    },
  };
}
