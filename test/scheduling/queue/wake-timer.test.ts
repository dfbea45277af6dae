import { describe, expect, it } from 'vitest';

import { WakeTimer } from '../../../src/scheduling/queue/wake-timer.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

/** Timers that fire this much early or late and never before a millisecond, as Node's do. */
class ClumsyClock extends FakeClock {
  readonly #lateMs: number;

  constructor(lateMs: number) {
    super(1000, 0.0625);
    this.#lateMs = lateMs;
  }

  override schedule(atMs: number, fire: () => void): () => void {
    return super.schedule(Math.max(this.now() + 1, atMs + this.#lateMs), fire);
  }
}

function timerOn(clock: FakeClock, isExact: boolean) {
  const wakes: number[] = [];
  const timer = new WakeTimer(clock, isExact, () => wakes.push(clock.now() - 1000));
  return { timer, wakes };
}

describe('the wake timer', () => {
  it.each([0.3, 1, 4.5, 20])('wakes once, at most a turn of the event loop after %d ms', (delayMs) => {
    const clock = new FakeClock();
    const { timer, wakes } = timerOn(clock, true);
    timer.wakeBy(1000 + delayMs);
    clock.advance(100);
    expect(wakes).toHaveLength(1);
    expect(wakes[0]).toBeGreaterThanOrEqual(delayMs);
    expect(wakes[0]).toBeLessThanOrEqual(delayMs + clock.turnMs);
    expect(clock.waitingCount).toBe(0);
  });

  it.each([-0.9, 0.3])('is exact to a third of a millisecond although the sleeping timer is %d ms off', (lateMs) => {
    const clock = new ClumsyClock(lateMs);
    const { timer, wakes } = timerOn(clock, true);
    timer.wakeBy(1005);
    clock.advance(100);
    expect(wakes).toHaveLength(1);
    expect(wakes[0]).toBeGreaterThanOrEqual(5);
    expect(wakes[0]).toBeLessThanOrEqual(5.34);
  });

  it('sleeps through most of a long wait instead of looking at the clock', () => {
    const clock = new FakeClock();
    let turns = 0;
    const counting = Object.assign(Object.create(clock) as FakeClock, {
      now: () => clock.now(),
      schedule: (atMs: number, fire: () => void) => clock.schedule(atMs, fire),
      soon: (fire: () => void) => {
        turns++;
        return clock.soon(fire);
      },
    });
    new WakeTimer(counting, true, () => undefined).wakeBy(1008.5);
    clock.advance(10);
    expect(turns).toBeGreaterThan(0);
    expect(turns * clock.turnMs).toBeLessThan(1.3);
  });

  it('never looks at the clock in a loop where it need not be exact', () => {
    const clock = new FakeClock();
    const { timer, wakes } = timerOn(clock, false);
    timer.wakeBy(1000.5);
    clock.advance(0.9);
    expect(wakes).toEqual([]);
    clock.advance(1);
    expect(wakes).toEqual([1]);
  });

  it('fires again when a coarse timer came early', () => {
    const clock = new ClumsyClock(-0.9);
    const { timer, wakes } = timerOn(clock, false);
    timer.wakeBy(1005);
    clock.advance(4.5);
    expect(wakes).toEqual([]);
    clock.advance(5);
    expect(wakes).toHaveLength(1);
  });

  it('keeps the earlier of two instants and forgets both when stopped', () => {
    const clock = new FakeClock();
    const { timer, wakes } = timerOn(clock, false);
    timer.wakeBy(1009);
    timer.wakeBy(1003);
    timer.wakeBy(1006);
    timer.wakeBy(Number.POSITIVE_INFINITY);
    clock.advance(20);
    expect(wakes).toEqual([3]);
    timer.wakeBy(1030);
    timer.stop();
    expect(clock.waitingCount).toBe(0);
    clock.advance(50);
    expect(wakes).toEqual([3]);
  });

  it('may be armed again from its callback', () => {
    const clock = new FakeClock();
    const wakes: number[] = [];
    const timer: WakeTimer = new WakeTimer(clock, false, () => {
      wakes.push(clock.now());
      if (wakes.length < 3) timer.wakeBy(clock.now() + 2);
    });
    timer.wakeBy(1002);
    clock.advance(50);
    expect(wakes).toEqual([1002, 1004, 1006]);
  });
});
