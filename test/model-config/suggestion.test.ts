import { describe, expect, it } from 'vitest';
import { didYouMean, nearestName } from '../../src/model-config/suggestion.ts';

describe('suggestions', () => {
  it('name the nearest known name', () => {
    expect(didYouMean('dynamic_baching', ['dynamic_batching', 'sequence_batching'])).toBe(
      ", did you mean 'dynamic_batching'?",
    );
    expect(nearestName('inputs', ['input', 'output'])).toBe('input');
    expect(nearestName('instanceGroup', ['instance_group'])).toBe('instance_group');
  });

  it('are not made when nothing is near or the name is absurdly long', () => {
    expect(didYouMean('frobnicate', ['dynamic_batching'])).toBe('');
    expect(nearestName('x'.repeat(1_000_000), ['x'])).toBeNull();
    expect(nearestName('a', ['b'])).toBe('b');
    expect(nearestName('', [])).toBeNull();
  });
});
