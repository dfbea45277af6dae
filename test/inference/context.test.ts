import { describe, expect, it } from 'vitest';

import { Cancellation } from '../../src/inference/context.ts';

function listened() {
  const cancellation = new Cancellation();
  let calls = 0;
  cancellation.onCancel(() => {
    calls++;
  });
  return { cancellation, calls: () => calls };
}

describe('a cancellation', () => {
  it('tells its listener once, with the flag already set', () => {
    const cancellation = new Cancellation();
    const seen: boolean[] = [];
    cancellation.onCancel(() => seen.push(cancellation.cancelled));
    expect(cancellation.cancelled).toBe(false);
    cancellation.cancel();
    cancellation.cancel();
    expect(seen).toEqual([true]);
  });

  it('has one listener: a later one takes its place, null removes it', () => {
    const { cancellation, calls } = listened();
    cancellation.onCancel(null);
    cancellation.cancel();
    expect(calls()).toBe(0);
    expect(cancellation.cancelled).toBe(true);
  });

  it('does not call a listener that came after the fact', () => {
    const { cancellation, calls } = listened();
    cancellation.cancel();
    let late = 0;
    cancellation.onCancel(() => {
      late++;
    });
    cancellation.cancel();
    expect([calls(), late]).toEqual([1, 0]);
  });

  it('tells an object as it tells a function', () => {
    const cancellation = new Cancellation();
    const seen: boolean[] = [];
    cancellation.onCancel({ callerLeft: () => seen.push(cancellation.cancelled) });
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
