import { describe, expect, it } from 'vitest';
import type { LifecycleSurroundings } from '../../src/lifecycle/model-lifecycle.ts';
import { ModelTable } from '../../src/lifecycle/model-table.ts';

/** A model of whose versions 1 failed and 2 was unloaded. */
function tableWithFailure(): ModelTable {
  const models = new ModelTable();
  const { table } = models.open('m', {} as LifecycleSurroundings);
  table.failures = new Map([[1, 'label file is missing']]);
  table.unloaded = new Set([2]);
  return models;
}

describe('the index of a model', () => {
  it('has the reasons of failed and unloaded versions', () => {
    expect(tableWithFailure().indexOf('m', undefined)).toEqual([
      { name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'label file is missing' },
      { name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'unloaded' },
    ]);
  });

  it('says what is waited for in place of why the last attempt failed', () => {
    expect(tableWithFailure().indexOf('m', 'waiting for w.bin')).toEqual([
      { name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'waiting for w.bin' },
      { name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'unloaded' },
    ]);
  });
});
