import { describe, expect, it } from 'vitest';
import { FreedMemory, gatherMs } from '../../src/engine/freed-memory.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

/** Counts how often memory is given back, each time taking `tookMs` once `end` is called. */
function giving() {
  const clock = new FakeClock();
  let calls = 0;
  let end = (): void => undefined;
  const memory = new FreedMemory(clock, () => {
    calls++;
    return new Promise((resolve) => {
      end = resolve;
    });
  });
  const endAfter = async (tookMs: number): Promise<void> => {
    clock.advance(tookMs);
    end();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, memory, endAfter, calls: () => calls };
}

describe('memory freed by opening and closing models', () => {
  it('is given back once for all models of a moment', async () => {
    const { clock, memory, endAfter, calls } = giving();
    for (let i = 0; i < 50; i++) memory.freed();
    expect(calls()).toBe(0);
    clock.advance(gatherMs);
    expect(calls()).toBe(1);
    await endAfter(1);
    clock.advance(100_000);
    expect(calls()).toBe(1);
    expect(clock.waitingCount).toBe(0);
  });

  it('is given back again for a model that comes while that runs', async () => {
    const { clock, memory, endAfter, calls } = giving();
    memory.freed();
    clock.advance(gatherMs);
    memory.freed();
    clock.advance(gatherMs);
    expect(calls()).toBe(1);
    await endAfter(0);
    clock.advance(9 * gatherMs);
    expect(calls()).toBe(2);
  });

  it('takes at most a tenth of the time, however many models come', async () => {
    const { clock, memory, endAfter, calls } = giving();
    memory.freed();
    clock.advance(gatherMs);
    await endAfter(400);
    memory.freed();
    clock.advance(3_599);
    expect(calls()).toBe(1);
    clock.advance(1);
    expect(calls()).toBe(2);
  });
});
