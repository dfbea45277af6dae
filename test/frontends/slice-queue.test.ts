import { describe, expect, it } from 'vitest';
import { SliceQueue } from '../../src/frontends/slice-queue.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

describe('slices of long work', () => {
  it('run one in each turn of the event loop, however many requests have such work, and requests take turns', () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    const done: string[] = [];
    const work = (name: string, left: number) => (): void => {
      done.push(name);
      if (left > 1) slices.add('work', work(name, left - 1));
    };
    for (const name of ['a', 'b', 'c']) slices.add('work', work(name, 3));
    for (let turn = 1; turn <= 9; turn++) {
      clock.turn();
      expect(done.length).toBe(turn);
    }
    expect(done.join('')).toBe('abcabcabc');
    expect(clock.waitingCount).toBe(0);
    slices.add('work', work('d', 1));
    clock.turn();
    expect(done.at(-1)).toBe('d');
    expect(clock.waitingCount).toBe(0);
  });

  it('keep nothing of what is done, also while there is always more', () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    let count = 0;
    const endless = (): void => {
      count++;
      slices.add('work', endless);
    };
    for (let i = 0; i < 3000; i++) slices.add('work', endless);
    for (let turn = 0; turn < 10_000; turn++) clock.turn();
    expect(count).toBe(10_000);
  });
});
