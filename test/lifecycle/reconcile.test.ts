import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { reconcile } from '../../src/lifecycle/reconcile.ts';

const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 6 })).map((list) => list.sort((a, b) => a - b));

describe('the steps to the wished state', () => {
  it('end in exactly the wished versions, whichever served before', () => {
    fc.assert(
      fc.property(numbers, numbers, numbers, fc.boolean(), (versions, serving, changed, resizes) => {
        const reloads = (version: number): boolean => changed.includes(version);
        const steps = reconcile({ kind: 'serve', versions, reloads, resizes }, serving);
        const loaded = steps.flatMap((step) => (step.kind === 'load' ? step.versions : []));
        const commit = steps.at(-1);
        if (commit?.kind !== 'commit') throw new Error('the last step is no commit');
        expect([...commit.stay, ...loaded].sort()).toEqual(versions);
        expect([...commit.stay, ...commit.leave].sort()).toEqual(serving);
        expect(commit.stay.some(reloads)).toBe(false);
        expect(steps.some(({ kind }) => kind === 'resize')).toBe(resizes && commit.stay.length > 0);
      }),
    );
  });

  it('take all versions out for an unload, and forget a model whose folder has disappeared', () => {
    expect(reconcile({ kind: 'unloaded' }, [1, 2])).toEqual([{ kind: 'commit', stay: [], leave: [1, 2] }]);
    expect(reconcile({ kind: 'gone' }, [3])).toEqual([{ kind: 'commit', stay: [], leave: [3] }, { kind: 'forget' }]);
  });
});
