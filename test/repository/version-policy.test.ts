import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectVersions } from '../../src/repository/version-policy.ts';

describe('version policies', () => {
  it('latest takes the numerically highest', () => {
    expect(selectVersions({ kind: 'latest', count: 1 }, [9, 10, 2]).versions).toEqual([10]);
    expect(selectVersions({ kind: 'latest', count: 2 }, [9, 10, 2]).versions).toEqual([9, 10]);
    expect(selectVersions({ kind: 'latest', count: 99 }, [2, 1]).versions).toEqual([1, 2]);
    expect(selectVersions({ kind: 'latest', count: 1 }, []).versions).toEqual([]);
  });

  it('all takes every version', () => {
    expect(selectVersions({ kind: 'all' }, [3, 1])).toEqual({ versions: [1, 3], missing: [] });
  });

  it('specific takes those that are there and names the others', () => {
    expect(selectVersions({ kind: 'specific', versions: [7, 1, 1] }, [1, 2])).toEqual({ versions: [1], missing: [7] });
  });

  it('never selects a version that is not there, and always ascending', () => {
    const policy = fc.oneof(
      fc.record({ kind: fc.constant('latest' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('specific' as const), versions: fc.array(fc.integer({ min: 1, max: 9 })) }),
      fc.constant({ kind: 'all' as const }),
    );
    const property = fc.property(policy, fc.array(fc.integer({ min: 1, max: 9 })), (chosen, available) => {
      const { versions } = selectVersions(chosen, available);
      expect(versions.every((version) => available.includes(version))).toBe(true);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    });
    fc.assert(property, { seed: 5, numRuns: 300 });
  });
});
