import { describe, expect, it } from 'vitest';
import { RecentStreams } from '../../src/http2/recent-streams.ts';

describe('RecentStreams', () => {
  it('remembers the last 1024 and forgets the oldest first', () => {
    const recent = new RecentStreams();
    expect(recent.has(1)).toBe(false);
    for (let id = 1; id <= 2 * 1024; id += 2) recent.add(id);
    expect(recent.has(1)).toBe(true);
    recent.add(2049);
    expect([1, 3, 2047, 2049].map((id) => recent.has(id))).toEqual([false, true, true, true]);
  });

  it('remembers the largest that there can be', () => {
    const recent = new RecentStreams();
    recent.add(2 ** 31 - 1);
    expect(recent.has(2 ** 31 - 1)).toBe(true);
  });
});
