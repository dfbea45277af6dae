import { copyFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ModelFolder, scanFolder } from '../../src/repository/layout.ts';
import { type FileSystemFacts, RememberedModels } from '../../src/repository/remembered-models.ts';
import { plainFacts } from '../fakes/plain-facts.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();

/** A file system that keeps time, `aheadMs` after now. */
const system = (aheadMs: number, keepsTime = true): FileSystemFacts => ({
  read: plainFacts,
  wallMs: () => Date.now() + aheadMs,
  keepsTime: () => Promise.resolve(keepsTime),
});

interface Story {
  readonly models: RememberedModels;
  /** Scans these folders; the results in their order. */
  scan(...paths: readonly string[]): Promise<readonly ModelFolder[]>;
  /** The folders that the last scan has read. */
  readonly read: string[];
}

function story(facts: FileSystemFacts = system(10_000), configName: string | null = null): Story {
  const models = new RememberedModels(facts);
  const read: string[] = [];
  return {
    models,
    read,
    scan(...paths) {
      read.length = 0;
      return models.scan((scanOne) =>
        Promise.all(
          paths.map((path) =>
            scanOne(path, (reads) => {
              read.push(path);
              return scanFolder('m', path, { configName }, reads);
            }),
          ),
        ),
      );
    },
  };
}

const settledAt = new Date('2024-05-06T07:08:09Z');

function modelFolder(): string {
  const folder = temporary();
  put(folder, { 'config.pbtxt': 'name: "m"', '1/model.onnx': 'x', '1/deep/weights': 'w', 'labels.txt': 'a' });
  utimesSync(join(folder, '1/model.onnx'), settledAt, settledAt);
  return folder;
}

describe('models of repeated scans', () => {
  it('are read once while their files stay', async () => {
    const folder = modelFolder();
    const { scan, read } = story();
    const [first] = await scan(folder);
    expect(first).toMatchObject({ versions: [1], problem: null });
    expect(read).toEqual([folder]);
    for (let i = 0; i < 2; i++) {
      expect((await scan(folder))[0]).toBe(first);
      expect(read).toEqual([]);
    }
  });

  const changes: Readonly<Record<string, (folder: string) => void>> = {
    'a file is written': (folder) => writeFileSync(join(folder, '1/model.onnx'), 'xy'),
    'a file comes into a folder in a folder': (folder) => writeFileSync(join(folder, '1/deep/more'), ''),
    'a file goes': (folder) => rmSync(join(folder, 'labels.txt')),
    'a version comes': (folder) => mkdirSync(join(folder, '2')),
    'a folder takes the place of a file': (folder) => {
      rmSync(join(folder, '1/model.onnx'));
      mkdirSync(join(folder, '1/model.onnx'));
    },
    'a file is replaced by one of the same size and time': (folder) => {
      const path = join(folder, '1/model.onnx');
      copyFileSync(path, `${path}.new`);
      utimesSync(`${path}.new`, settledAt, settledAt);
      renameSync(`${path}.new`, path);
      expect(statSync(path).mtimeMs).toBe(settledAt.getTime());
    },
    'the configuration becomes a link that leads nowhere': (folder) => {
      rmSync(join(folder, 'config.pbtxt'));
      symlinkSync('nowhere', join(folder, 'config.pbtxt'));
    },
  };
  it.each(Object.entries(changes))('are read again when %s', async (_, change) => {
    const folder = modelFolder();
    const { scan, read } = story();
    const [before] = await scan(folder);
    change(folder);
    const [after] = await scan(folder);
    expect(read).toEqual([folder]);
    expect(after?.fingerprint.whole).not.toBe(before?.fingerprint.whole);
    expect(after).toEqual(await scanFolder('m', folder, { configName: null }));
  });

  it('are read again when the target of a link changes, or the link', async () => {
    const elsewhere = temporary();
    put(elsewhere, { one: '1', two: '2' });
    const folder = modelFolder();
    const link = join(folder, '1/data');
    symlinkSync(join(elsewhere, 'one'), link);
    const { scan, read } = story();
    await scan(folder);
    writeFileSync(join(elsewhere, 'one'), 'more');
    await scan(folder);
    expect(read).toEqual([folder]);
    symlinkSync(join(elsewhere, 'two'), `${link}.new`);
    renameSync(`${link}.new`, link);
    await scan(folder);
    expect(read).toEqual([folder]);
    await scan(folder);
    expect(read).toEqual([]);
  });

  it('are read again when the named configuration comes, be it a link that leads nowhere', async () => {
    const folder = modelFolder();
    put(folder, { 'configs/other.pbtxt': '' });
    const { scan, read } = story(system(10_000), 'mine');
    expect((await scan(folder))[0]?.configPath).toBe(join(folder, 'config.pbtxt'));
    symlinkSync('nowhere', join(folder, 'configs/mine.pbtxt'));
    expect((await scan(folder))[0]?.configPath).toBe(join(folder, 'configs/mine.pbtxt'));
    expect(read).toEqual([folder]);
  });

  it('are read again one by one, however many there are', async () => {
    const parent = temporary();
    const folders = Array.from({ length: 300 }, (_, i) => join(parent, String(i)));
    for (const folder of folders) put(folder, { '1/model.onnx': 'x' });
    const { scan, read } = story();
    await scan(...folders);
    expect(read).toHaveLength(300);
    for (const at of [0, 123, 299]) writeFileSync(join(folders[at] as string, '1/model.onnx'), 'other');
    const found = await scan(...folders);
    expect(read).toEqual([folders[0], folders[123], folders[299]]);
    expect(found.map(({ path }) => path)).toEqual(folders);
    await scan(...folders);
    expect(read).toEqual([]);
  });

  it('are not remembered right after a change, which may be one of two in the same tick', async () => {
    const folder = modelFolder();
    const { scan, read } = story(system(0));
    await scan(folder);
    await scan(folder);
    expect(read).toEqual([folder]);
  });

  it('are not remembered on a file system that may not keep the times of folders', async () => {
    const folder = modelFolder();
    const { scan, read } = story(system(10_000, false));
    await scan(folder);
    await scan(folder);
    expect(read).toEqual([folder]);
    const usual = RememberedModels.reading(plainFacts);
    const onProc = async (): Promise<number> => {
      let count = 0;
      await usual.scan((scanOne) =>
        scanOne('/proc/sys/kernel', (reads) => {
          count++;
          return scanFolder('kernel', '/proc/sys/kernel', { configName: null }, reads);
        }),
      );
      return count;
    };
    expect([await onProc(), await onProc()]).toEqual([1, 1]);
  });

  it('are not remembered when they could not be read', async () => {
    const folder = join(temporary(), 'absent');
    const { scan, read } = story();
    expect((await scan(folder))[0]?.problem).toMatch('ENOENT');
    await scan(folder);
    expect(read).toEqual([folder]);
  });

  it('are forgotten when a scan did not meet them, and kept when it failed', async () => {
    const folder = modelFolder();
    const { models, scan, read } = story();
    const [first] = await scan(folder);
    await expect(models.scan(() => Promise.reject(new Error('unreadable')))).rejects.toThrow('unreadable');
    expect((await scan(folder))[0]).toBe(first);
    await scan();
    await scan(folder);
    expect(read).toEqual([folder]);
  });
});
