import { describe, expect, it } from 'vitest';
import { createApiGuard } from '../../src/frontends/api-guard.ts';

describe('createApiGuard', () => {
  it('is not there where nothing is restricted', () => {
    expect(createApiGuard([])).toBeNull();
  });

  it('names the header that is missing or has another value', () => {
    const guard = createApiGuard([
      { apis: ['inference', 'health'], header: 'a', value: 'one' },
      { apis: ['trace'], header: 'b', value: 'two' },
    ])!;
    const headers = (values: Record<string, string>) => (name: string) => values[name];
    expect(guard.missingHeader('inference', headers({}))).toBe('a');
    expect(guard.missingHeader('health', headers({ a: 'One' }))).toBe('a');
    expect(guard.missingHeader('health', headers({ a: 'one' }))).toBeNull();
    expect(guard.missingHeader('trace', headers({ a: 'one' }))).toBe('b');
    expect(guard.missingHeader('metadata', headers({}))).toBeNull();
    expect(guard.missingHeader(null, headers({}))).toBeNull();
  });
});
