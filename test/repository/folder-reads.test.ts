import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RememberedFolders, statOrNull } from '../../src/repository/folder-reads.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();

/** Facts of a file system that keeps time, `aheadMs` after now. */
const facts = (aheadMs: number, keepsTime = true) => ({
  wallMs: () => Date.now() + aheadMs,
  keepsTime: () => Promise.resolve(keepsTime),
});

const listed = (folders: RememberedFolders, path: string) =>
  folders.scan(async (reads) => reads.entries(path, await statOrNull(path)));

const names = async (folders: RememberedFolders, path: string) =>
  (await listed(folders, path)).map(({ name }) => name).sort();

describe('folders of repeated scans', () => {
  it('are listed once while their times stay', async () => {
    const folder = temporary();
    put(folder, { a: 'x' });
    const folders = new RememberedFolders(facts(10_000));
    const first = await listed(folders, folder);
    expect(await listed(folders, folder)).toBe(first);
    expect(await listed(folders, folder)).toBe(first);
  });

  it('are listed again when an entry comes, goes, or is another one of the same name', async () => {
    const folder = temporary();
    put(folder, { a: 'x', b: 'x' });
    const folders = new RememberedFolders(facts(10_000));
    expect(await names(folders, folder)).toEqual(['a', 'b']);
    writeFileSync(join(folder, 'c'), '');
    expect(await names(folders, folder)).toEqual(['a', 'b', 'c']);
    rmSync(join(folder, 'a'));
    expect(await names(folders, folder)).toEqual(['b', 'c']);
    rmSync(join(folder, 'b'));
    mkdirSync(join(folder, 'b'));
    const entries = await listed(folders, folder);
    expect(entries.find(({ name }) => name === 'b')?.isDirectory()).toBe(true);
  });

  it('are listed again when another folder has taken the name', async () => {
    const parent = temporary();
    put(parent, { 'm/a': 'x' });
    const folder = join(parent, 'm');
    const folders = new RememberedFolders(facts(10_000));
    expect(await names(folders, folder)).toEqual(['a']);
    rmSync(folder, { recursive: true });
    put(parent, { 'm/b': 'x' });
    expect(await names(folders, folder)).toEqual(['b']);
    rmSync(folder, { recursive: true });
    await expect(listed(folders, folder)).rejects.toThrow('ENOENT');
  });

  it('are not remembered right after a change, which may be one of two in the same tick', async () => {
    const folder = temporary();
    put(folder, { a: 'x' });
    const folders = new RememberedFolders(facts(0));
    expect(await listed(folders, folder)).not.toBe(await listed(folders, folder));
  });

  it('are not remembered on a file system that may not keep their times', async () => {
    const folder = temporary();
    put(folder, { a: 'x' });
    const folders = new RememberedFolders(facts(10_000, false));
    expect(await listed(folders, folder)).not.toBe(await listed(folders, folder));
    const usual = new RememberedFolders();
    expect(await listed(usual, '/proc/sys/kernel')).not.toBe(await listed(usual, '/proc/sys/kernel'));
  });

  it('are forgotten when a scan did not meet them, and kept when it failed', async () => {
    const folder = temporary();
    put(folder, { a: 'x' });
    const folders = new RememberedFolders(facts(10_000));
    const first = await listed(folders, folder);
    await expect(folders.scan(() => Promise.reject(new Error('unreadable')))).rejects.toThrow('unreadable');
    expect(await listed(folders, folder)).toBe(first);
    await folders.scan(() => Promise.resolve());
    expect(await listed(folders, folder)).not.toBe(first);
  });
});
