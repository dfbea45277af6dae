import { describe, expect, it } from 'vitest';
import { checkModelName } from '../../src/repository/model-name.ts';

describe('model names', () => {
  it('may be any folder name', () => {
    for (const name of ['m', 'a.b-c_d', '..a', 'a..b', 'Größe 1', '__proto__'])
      expect(() => checkModelName(name)).not.toThrow();
  });

  it('must not be empty', () => {
    for (const name of ['', ' ', '\t\n'])
      expect(() => checkModelName(name)).toThrow('Model name cannot be empty. Please enter a valid name to deploy.');
  });

  it('must not be longer than a folder name', () => {
    expect(() => checkModelName('x'.repeat(255))).not.toThrow();
    for (const name of ['x'.repeat(256), 'ß'.repeat(128)])
      expect(() => checkModelName(name)).toThrow('is longer than 255 bytes');
  });

  it('must not lead elsewhere', () => {
    for (const name of ['.', '..', ' ..', '.. ', '../m', 'a/b', '/m', 'a\\b', 'a\0']) {
      expect(() => checkModelName(name)).toThrow(
        /^invalid model name '.*', model name must not contain path traversal characters$/,
      );
    }
  });
});
