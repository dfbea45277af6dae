/**
 * Time as a parameter. Everything that decides by time is given a `Clock`, so a test can own the time; only this file
 * sets timers and reads the clocks of Node for it.
 */

// Globals of Node are accessors: each reading of `performance` is two calls, that of an import is none.
import { performance } from 'node:perf_hooks';
import process from 'node:process';

export interface Clock {
  /** Monotonic milliseconds with fractions; only differences have a meaning. */
  now(): number;
  /**
   * Calls `fire` once, not before `atMs` on this clock, and returns a function that prevents the call. The timer does
   * not keep the process alive. Node's timers are at least 1.1 ms late on short waits: see `scheduling/queue/wake-timer.ts`.
   */
  schedule(atMs: number, fire: () => void): () => void;
  /** Calls `fire` in the check phase of this turn of the event loop; used to look again without sleeping. */
  soon(fire: () => void): () => void;
  /** Wall-clock milliseconds since the Unix epoch, for log lines and statistics only. */
  wallMs(): number;
}

/** Tells the turns of an event loop apart. */
export interface EventLoopTurn {
  /** The same all through a turn, and another one in the next. Cheap to read. */
  readonly id: number;
}

/** The longest delay that `setTimeout` takes; longer waits are re-armed by looking at the clock again. */
const maxTimerMs = 2 ** 31 - 1;

/** Where the clock of a thread begins, on a time line that all threads of the machine share (ms). */
export const clockOriginMs = (): number => Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The clock of a thread that began there; in every thread it tells the same time. */
export function clockSince(originMs: number): Clock {
  const aheadMs = clockOriginMs() - originMs;
  return { ...systemClock, now: () => performance.now() + aheadMs, schedule: scheduleOn(aheadMs) };
}

const scheduleOn =
  (aheadMs: number): Clock['schedule'] =>
  (atMs, fire) => {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = atMs - aheadMs - performance.now();
      // Node cuts the fraction off a delay, which would fire too early.
      timer = leftMs > maxTimerMs ? setTimeout(arm, maxTimerMs) : setTimeout(fire, Math.ceil(leftMs));
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  };

export const systemClock: Clock = {
  now: () => performance.now(),
  schedule: scheduleOn(0),
  soon(fire) {
    const handle = setImmediate(fire);
    return () => clearImmediate(handle);
  },
  wallMs: () => Date.now(),
};
