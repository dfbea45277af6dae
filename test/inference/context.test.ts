import { describe, expect, it } from 'vitest';

import { Cancellation } from '../../src/inference/context.ts';

function listened() {
  const cancellation = new Cancellation();
  let calls = 0;
  cancellation.add(() => {
    calls++;
  });
  return { cancellation, calls: () => calls };
}

describe('a cancellation', () => {
  it('tells its listener once, with the flag already set', () => {
    const cancellation = new Cancellation();
    const seen: boolean[] = [];
    cancellation.add(() => seen.push(cancellation.cancelled));
    expect(cancellation.cancelled).toBe(false);
    cancellation.cancel();
    cancellation.cancel();
    expect(seen).toEqual([true]);
  });

  it('tells all of several listeners, in the order in which they came', () => {
    const cancellation = new Cancellation();
    const told: string[] = [];
    for (const name of ['scheduler', 'cache', 'trace']) cancellation.add(() => told.push(name));
    cancellation.cancel();
    expect(told).toEqual(['scheduler', 'cache', 'trace']);
  });

  it('forgets a listener that is removed, and no other', () => {
    const cancellation = new Cancellation();
    const told: string[] = [];
    const listeners = ['first', 'second', 'third'].map((name) => () => void told.push(name));
    for (const listener of listeners) cancellation.add(listener);
    cancellation.remove(listeners[1]);
    cancellation.remove(listeners[0]);
    cancellation.remove(() => undefined);
    cancellation.add(listeners[0]);
    cancellation.cancel();
    expect(told.sort()).toEqual(['first', 'third']);
  });

  it('does not call a listener that came after the fact', () => {
    const { cancellation, calls } = listened();
    cancellation.cancel();
    let late = 0;
    cancellation.add(() => {
      late++;
    });
    cancellation.cancel();
    expect([calls(), late]).toEqual([1, 0]);
  });

  it('tells an object as it tells a function', () => {
    const cancellation = new Cancellation();
    const seen: boolean[] = [];
    cancellation.add({ callerLeft: () => seen.push(cancellation.cancelled) });
    cancellation.cancel();
    cancellation.cancel();
    expect(seen).toEqual([true]);
  });

  it('may be cancelled without a listener', () => {
    const cancellation = new Cancellation();
    cancellation.cancel();
    expect(cancellation.cancelled).toBe(true);
  });
});
