import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTemporaryFolder, removeLeftovers, removeTemporaryFolder } from '../../src/repository/temporary-folders.ts';
import { temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();

/** The id of a process that has ended. */
const deadPid = (): number => spawnSync('true').pid;

describe('temporary folders of models', () => {
  it('are made and removed', async () => {
    const parent = temporary();
    const path = await makeTemporaryFolder(parent);
    writeFileSync(join(path, 'file'), 'x');
    await removeTemporaryFolder(path);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('are removed later where their process is no more, and those of living ones stay', async () => {
    const parent = temporary();
    const mine = await makeTemporaryFolder(parent);
    const [, , pid, start, namespace] = basename(mine).split('-') as [string, string, string, string, string];
    expect(pid).toBe(String(process.pid));
    const folder = (...parts: readonly (string | number)[]): string => {
      const path = join(parent, `nereid-model-${parts.join('-')}-AbC123`);
      mkdirSync(join(path, 'm', '1'), { recursive: true });
      return path;
    };
    const dead = folder(deadPid(), start, namespace);
    const reused = folder(pid, Number(start) - 1, namespace);
    const elsewhere = folder(deadPid(), start, Number(namespace) + 1);
    const foreign = join(parent, 'nereid-model-notes');
    mkdirSync(foreign);
    expect(await removeLeftovers(parent)).toBe(2);
    expect([dead, reused, elsewhere, foreign, mine].map(existsSync)).toEqual([false, false, true, true, true]);
  });

  it('are none where there is no such folder', async () => {
    expect(await removeLeftovers(join(temporary(), 'missing'))).toBe(0);
  });
});
