import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadNative } from '../../src/engine/load-native.ts';
import { factsPerFile, nativeFacts } from '../../src/repository/file-facts.ts';
import { plainFacts } from '../fakes/plain-facts.ts';

const folder = mkdtempSync(join(tmpdir(), 'nereid-facts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the facts of files', () => {
  const place = (name: string): string => join(folder, name);
  writeFileSync(place('file'), 'content');
  writeFileSync(place('größe'), '');
  mkdirSync(place('folder'));
  symlinkSync('file', place('link'));
  symlinkSync('nowhere', place('dangling'));
  symlinkSync('circle', place('circle'));
  const names = ['file', 'größe', 'folder', 'link', 'dangling', 'circle', 'absent', 'file/inside', 'x'.repeat(300)];
  const paths = names.map((name) => `${place(name)}\0`).join('');

  it('are the same by the addon as by Node', async () => {
    const facts = await nativeFacts()(paths);
    expect(facts).toHaveLength(names.length * factsPerFile);
    expect(facts).toEqual(await plainFacts(paths));
    const row = (name: string) => facts.subarray(names.indexOf(name) * factsPerFile).subarray(0, factsPerFile);
    expect(row('file')[1]).toBe(7n);
    expect(row('link')).toEqual(row('file'));
    for (const name of ['dangling', 'circle', 'absent', 'file/inside'])
      expect(row(name).every((n) => n === 0n)).toBe(true);
  });

  it('are none for no file, and a negative mode where the system refuses', async () => {
    expect(await nativeFacts()('')).toHaveLength(0);
    expect(await plainFacts('')).toHaveLength(0);
    // The descriptor of a process that is no more.
    const refused = `/proc/self/task/1/cwd\0`;
    expect(await nativeFacts()(refused)).toEqual(await plainFacts(refused));
  });

  it('are refused for anything but text', () => {
    const native = loadNative<{ statFiles(paths: unknown): unknown }>();
    expect(() => native.statFiles(7)).toThrow('statFiles(paths)');
  });
});
