import { describe, expect, it } from 'vitest';
import { AbuseGuard } from '../../src/http2/abuse-guard.ts';
import { defaultLimits } from '../../src/http2/limits.ts';
import { errorCode } from './frame-bytes.ts';

const limits = { ...defaultLimits, idleFrameBurst: 100, idleFramesPerSecond: 10, resetBurst: 20, resetsPerSecond: 2 };

/** How often it can be done before the guard has enough; at most 1000 times. */
function until(act: () => void): number {
  for (let i = 0; i < 1000; i++) {
    try {
      act();
    } catch (error) {
      expect(error).toMatchObject({ code: errorCode.enhanceYourCalm });
      return i;
    }
  }
  return 1000;
}

describe('AbuseGuard', () => {
  it('has enough after a burst of idle frames, and of resets', () => {
    const guard = new AbuseGuard(limits, 0);
    expect(until(() => guard.idleFrame())).toBe(100);
    expect(until(() => guard.reset())).toBe(20);
  });

  it('refills with time, up to the burst', () => {
    const guard = new AbuseGuard(limits, 500);
    for (let i = 0; i < 100; i++) guard.idleFrame();
    for (let i = 0; i < 20; i++) guard.reset();
    guard.refill(3500);
    expect(until(() => guard.idleFrame())).toBe(30);
    expect(until(() => guard.reset())).toBe(6);
    guard.refill(1e9);
    expect(until(() => guard.idleFrame())).toBe(100);
    expect(until(() => guard.reset())).toBe(20);
  });

  it('lets each stream make good for 16 idle frames, and for no reset', () => {
    const guard = new AbuseGuard(limits, 0);
    const each = () => {
      guard.newStream();
      for (let i = 0; i < 16; i++) guard.idleFrame();
    };
    expect(until(each)).toBe(1000);
    for (let i = 0; i < 100; i++) guard.newStream();
    expect(until(() => guard.idleFrame())).toBe(100);
    expect(until(() => guard.reset())).toBe(20);
  });
});
