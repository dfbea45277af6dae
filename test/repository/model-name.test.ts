import { describe, expect, it } from 'vitest';
import { checkModelName } from '../../src/repository/model-name.ts';

describe('model names', () => {
  it('may be any folder name', () => {
    for (const name of ['m', 'a.b-c_d', '..a', 'a..b', 'Größe 1', '__proto__'])
      expect(() => checkModelName(name)).not.toThrow();
  });

  it('must not be empty', () => {
    expect(() => checkModelName('')).toThrow('Model name cannot be empty. Please enter a valid name to deploy.');
  });

  it('must not lead elsewhere', () => {
    for (const name of ['.', '..', '../m', 'a/b', '/m', 'a\\b', 'a\0']) {
      expect(() => checkModelName(name)).toThrow(
        /^invalid model name '.*', model name must not contain path traversal characters$/,
      );
    }
  });
});
