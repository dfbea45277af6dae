import { describe, expect, it } from 'vitest';

import { closedLoop, openLoop, SteadyPace } from '../../../bench/load/pace.ts';

describe('closedLoop', () => {
  it('has a request due whenever it is asked', () => {
    expect([1, 1, 2].map((now) => closedLoop.takeDue(now))).toEqual([1, 1, 2]);
  });
});

describe('openLoop', () => {
  /** Gaps of exactly the mean. */
  const evenly = () => 1 - Math.exp(-1);

  it('has requests due at its own moments, however often it is asked', () => {
    const pace = openLoop(100, 0, evenly);
    expect(pace.takeDue(9.9)).toBeNull();
    expect(pace.takeDue(10.1)).toBeCloseTo(10);
    expect(pace.takeDue(10.1)).toBeNull();
  });

  it('keeps the moment of a request that left late', () => {
    const pace = openLoop(100, 0, evenly);
    expect([35, 35, 35, 35].map((now) => pace.takeDue(now))).toEqual([
      expect.closeTo(10),
      expect.closeTo(20),
      expect.closeTo(30),
      null,
    ]);
  });

  it('has as many due as it was told, on average', () => {
    const pace = openLoop(1000, 0);
    let count = 0;
    while (pace.takeDue(100_000) !== null) count += 1;
    expect(count).toBeGreaterThan(98_000);
    expect(count).toBeLessThan(102_000);
  });
});

describe('SteadyPace', () => {
  it('has one request due for each tick, from the moment it leaves', () => {
    const pace = new SteadyPace();
    expect(pace.takeDue(1)).toBeNull();
    pace.tick();
    pace.tick();
    expect([5, 6, 7].map((now) => pace.takeDue(now))).toEqual([5, 6, null]);
  });
});
