import type { Clock } from '../../src/time.ts';

/** A clock that shows what a test sets. Timers never fire; what is asked for soon is done at once. */
export function settableClock(times: { nowMs?: number; wallMs?: number } = {}): Clock & { nowMs: number } {
  const clock = {
    nowMs: times.nowMs ?? 0,
    now: () => clock.nowMs,
    wallMs: () => times.wallMs ?? 0,
    schedule: () => () => undefined,
    soon: (fire: () => void) => {
      fire();
      return () => undefined;
    },
  };
  return clock;
}
