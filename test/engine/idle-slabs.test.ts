import { describe, expect, it } from 'vitest';
import { IdleSlabs, idleSlabMs } from '../../src/engine/idle-slabs.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

/** Says how many slabs are left after each call, the last number from then on. */
function owner(...left: number[]) {
  const state = {
    calls: 0,
    trimSlabs(): number {
      state.calls++;
      return left.length > 1 ? (left.shift() as number) : (left[0] as number);
    },
  };
  return state;
}

describe('slabs of instances without batches', () => {
  it('are given back after bounded time, and then nothing is looked at any more', () => {
    const clock = new FakeClock();
    const idle = new IdleSlabs(clock);
    const instance = owner(2, 0);
    idle.add(instance);
    clock.advance(idleSlabMs);
    expect(instance.calls).toBe(1);
    clock.advance(idleSlabMs);
    expect(instance.calls).toBe(2);
    expect(clock.waitingCount).toBe(0);
    clock.advance(10 * idleSlabMs);
    expect(instance.calls).toBe(2);
    idle.add(instance);
    expect(clock.waitingCount).toBe(1);
  });

  it('share one timer, and an instance that was closed is not asked', () => {
    const clock = new FakeClock();
    const idle = new IdleSlabs(clock);
    const closed = owner(1);
    const busy = owner(1);
    idle.add(closed);
    idle.add(busy);
    expect(clock.waitingCount).toBe(1);
    idle.remove(closed);
    clock.advance(idleSlabMs);
    expect([closed.calls, busy.calls]).toEqual([0, 1]);
  });
});
