import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../src/errors.ts';
import {
  listModelNames,
  type ModelFolder,
  readConfigSource,
  scanFolder,
  scanModel,
  scanRepositories,
} from '../../src/repository/layout.ts';
import { type FolderReads, plainReads } from '../../src/repository/folder-reads.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();
const options = { configName: null };
const scanOne = async (repository: string, name = 'm'): Promise<ModelFolder> =>
  (await scanModel([repository], name, options))!;

describe('scanning repositories', () => {
  it('finds models with their versions, configuration files and oddities', async () => {
    const repository = temporary();
    put(repository, {
      'm/config.pbtxt': '',
      'm/1/model.onnx': 'x',
      'm/10/model.onnx': 'x',
      'm/2/model.onnx': 'x',
      'm/01/model.onnx': 'x',
      'm/0/': '',
      'm/-3/': '',
      'm/99999999999999999999/': '',
      'm/draft/model.onnx': 'x',
      'm/warmup/a': 'x',
      'm/initial_state/a': 'x',
      'm/configs/fast.pbtxt': '',
      'm/.hidden/x': 'x',
      'bare/1/model.onnx': 'x',
      'README.md': 'no model',
      '.git/config': 'no model',
    });
    const models = await scanRepositories([repository], options);
    expect([...models.keys()]).toEqual(['bare', 'm']);
    const model = models.get('m');
    expect(model?.versions).toEqual([1, 2, 10]);
    expect(model?.configPath).toBe(join(repository, 'm', 'config.pbtxt'));
    expect(model?.warnings.map((text) => text.split(' is no')[0]).sort()).toEqual(
      ["folder '-3'", "folder '0'", "folder '01'", "folder '99999999999999999999'", "folder 'draft'"].sort(),
    );
    expect(models.get('bare')?.configPath).toBeNull();
    expect(await listModelNames([repository])).toEqual(['bare', 'm']);
  });

  it('takes the named configuration where it is there', async () => {
    const repository = temporary();
    put(repository, { 'a/config.pbtxt': '', 'a/configs/fast.pbtxt': 'name: "a"', 'b/config.pbtxt': '' });
    const models = await scanRepositories([repository], { configName: 'fast' });
    expect(models.get('a')?.configPath).toBe(join(repository, 'a', 'configs', 'fast.pbtxt'));
    expect(models.get('b')?.configPath).toBe(join(repository, 'b', 'config.pbtxt'));
    const astray = await scanModel([repository], 'a', { configName: '../../b/config' });
    expect(astray?.configPath).toBe(join(repository, 'a', 'config.pbtxt'));
  });

  it('serves neither of two models with one name', async () => {
    const [one, two] = [temporary(), temporary()];
    put(one, { 'm/1/model.onnx': 'x' });
    put(two, { 'm/1/model.onnx': 'x', 'n/1/model.onnx': 'x' });
    const models = await scanRepositories([one, two], options);
    expect(models.get('m')).toMatchObject({ versions: [], problem: 'model appears in two or more repositories' });
    expect(models.get('n')?.problem).toBeNull();
    expect((await scanModel([one, two], 'm', options))?.problem).toContain('two or more');
  });

  it('finds no model by a name that leads elsewhere', async () => {
    const repository = temporary();
    put(repository, { 'm/1/model.onnx': 'x', '.hidden/1/model.onnx': 'x', file: 'x' });
    for (const name of ['', '.', '..', 'm/1', '../m', 'm\0', '.hidden', 'file', 'missing', 'x'.repeat(5000)]) {
      expect(await scanModel([join(repository, 'm'), repository], name, options), name).toBeNull();
    }
  });

  it('fails when a repository cannot be read, without showing where it is', async () => {
    const missing = join(temporary(), 'models');
    await expect(scanRepositories([missing], options)).rejects.toThrow(
      "model repository 'models' cannot be read: it does not exist (ENOENT)",
    );
    await expect(scanRepositories([missing], options)).rejects.toBeInstanceOf(InferenceError);
  });

  it('keeps the trouble of one model to itself', async () => {
    const repository = temporary();
    put(repository, { 'bad/1/model.onnx': 'x', 'good/1/model.onnx': 'x' });
    symlinkSync(join(repository, 'nowhere'), join(repository, 'dangling'));
    symlinkSync(join(repository, 'loop'), join(repository, 'loop'));
    chmodSync(join(repository, 'bad'), 0);
    const models = await scanRepositories([repository], options);
    chmodSync(join(repository, 'bad'), 0o755);
    expect([...models.keys()].sort()).toEqual(['bad', 'good']);
    expect(models.get('good')?.problem).toBeNull();
    if (process.getuid?.() !== 0) expect(models.get('bad')?.problem).toContain('permission denied');
  });

  it.each([
    ['', "the model's folder"],
    ['/2', "'2' in the model's folder"],
  ])('says what of a model cannot be read: %j', async (inside, subject) => {
    const repository = temporary();
    put(repository, { 'm/1/model.onnx': 'x', 'm/2/model.onnx': 'x' });
    const path = join(repository, 'm');
    const refused = `${path}${inside}`;
    const reads: FolderReads = {
      ...plainReads,
      entries: (folder, found) =>
        folder === refused
          ? Promise.reject(Object.assign(new Error(`EACCES: scandir '${folder}'`), { code: 'EACCES', path: folder }))
          : plainReads.entries(folder, found),
    };
    const { problem } = await scanFolder('m', path, options, reads);
    expect(problem).toBe(`${subject} cannot be read: permission denied (EACCES)`);
  });

  it('does not run in circles of links', async () => {
    const repository = temporary();
    put(repository, { 'm/1/model.onnx': 'x' });
    symlinkSync(join(repository, 'm'), join(repository, 'm', '1', 'up'));
    const model = await scanOne(repository);
    expect([model.versions, model.problem]).toEqual([[1], null]);
  });

  it('reads the configuration as bytes', async () => {
    const repository = temporary();
    put(repository, { 'm/config.pbtxt': 'max_batch_size: 8', 'n/1/model.onnx': 'x' });
    const source = await readConfigSource(await scanOne(repository));
    expect(source).toMatchObject({ kind: 'file', text: Buffer.from('max_batch_size: 8') });
    expect(await readConfigSource(await scanOne(repository, 'n'))).toEqual({ kind: 'none' });
    const gone = await scanOne(repository);
    rmSync(join(repository, 'm', 'config.pbtxt'));
    await expect(readConfigSource(gone)).rejects.toThrow("config.pbtxt of model 'm' does not exist");
  });

  it.each([
    ['is missing', 'config.pbtxt', 'nowhere'],
    ['is the link itself', 'config.pbtxt', 'config.pbtxt'],
    ['is missing, also of a named configuration', join('configs', 'fast.pbtxt'), 'nowhere'],
  ])('does not do without a configuration that is a link whose target %s', async (_, link, target) => {
    const repository = temporary();
    put(repository, { 'm/1/model.onnx': 'x', 'm/configs/slow.pbtxt': 'max_batch_size: 8' });
    symlinkSync(target, join(repository, 'm', link));
    const model = (await scanModel([repository], 'm', { configName: 'fast' }))!;
    expect(model.configPath).toBe(join(repository, 'm', link));
    await expect(readConfigSource(model)).rejects.toThrow(`${basename(link)} of model 'm'`);
  });
});

describe('fingerprints', () => {
  const change = async (act: (folder: string) => void): Promise<readonly string[]> => {
    const repository = temporary();
    put(repository, {
      'm/config.pbtxt': 'a',
      'm/labels.txt': 'cat',
      'm/1/model.onnx': 'one',
      'm/2/model.onnx': 'two',
      'm/2/data/weights.bin': 'w',
      'm/warmup/sample': 's',
    });
    const before = (await scanOne(repository)).fingerprint;
    act(join(repository, 'm'));
    const now = (await scanOne(repository)).fingerprint;
    const versions = [...new Set([...before.versions.keys(), ...now.versions.keys()])];
    return [
      ...(before.config === now.config ? [] : ['config']),
      ...versions.filter((key) => before.versions.get(key) !== now.versions.get(key)).map((key) => `version ${key}`),
      ...(before.others === now.others ? [] : ['others']),
      ...(before.whole === now.whole ? [] : ['whole']),
    ];
  };
  const later = new Date(Date.now() + 10_000);

  it('stay while nothing changes', async () => {
    expect(await change(() => undefined)).toEqual([]);
  });

  it.each<[string, (folder: string) => void, readonly string[]]>([
    [
      'touching the configuration',
      (folder) => utimesSync(join(folder, 'config.pbtxt'), later, later),
      ['config', 'whole'],
    ],
    ['rewriting a model', (folder) => writeFileSync(join(folder, '1', 'model.onnx'), 'longer'), ['version 1', 'whole']],
    [
      'rewriting external data',
      (folder) => writeFileSync(join(folder, '2/data/weights.bin'), 'longer'),
      ['version 2', 'whole'],
    ],
    ['adding a file to a version', (folder) => writeFileSync(join(folder, '1', 'x'), ''), ['version 1', 'whole']],
    ['adding a version', (folder) => put(folder, { '3/model.onnx': 'x' }), ['version 3', 'whole']],
    ['removing a version', (folder) => rmSync(join(folder, '1'), { recursive: true }), ['version 1', 'whole']],
    [
      'renaming a version',
      (folder) => renameSync(join(folder, '1'), join(folder, '4')),
      ['version 1', 'version 4', 'whole'],
    ],
    ['changing labels', (folder) => writeFileSync(join(folder, 'labels.txt'), 'cat\ndog'), ['others', 'whole']],
    [
      'changing warm-up data',
      (folder) => writeFileSync(join(folder, 'warmup', 'sample'), 'longer'),
      ['others', 'whole'],
    ],
    ['an editor at work', (folder) => writeFileSync(join(folder, '.config.pbtxt.swp'), 'x'), []],
    ['a configuration that is not in use', (folder) => put(folder, { 'configs/fast.pbtxt': 'x' }), []],
    ['removing the configuration', (folder) => rmSync(join(folder, 'config.pbtxt')), ['config', 'whole']],
  ])('tell of %s', async (_, act, expected) => {
    expect(await change(act)).toEqual(expected);
  });

  it('see a file replaced by another of the same size and time', async () => {
    const changed = await change((folder) => {
      writeFileSync(join(folder, 'copy'), 'eno');
      const time = new Date(1_700_000_000_000);
      utimesSync(join(folder, '1', 'model.onnx'), time, time);
      utimesSync(join(folder, 'copy'), time, time);
      renameSync(join(folder, 'copy'), join(folder, '1', 'model.onnx'));
    });
    expect(changed).toEqual(['version 1', 'whole']);
  });

  it('see a file that was overwritten in place and given its size and time back', async () => {
    const changed = await change((folder) => {
      const path = join(folder, '1', 'model.onnx');
      const { atime, mtime } = statSync(path);
      writeFileSync(path, 'eno');
      utimesSync(path, atime, mtime);
    });
    expect(changed).toEqual(['version 1', 'whole']);
  });

  it.each<[string, string, readonly string[]]>([
    ['a model', '1/model.onnx', ['version 1', 'whole']],
    ['the configuration', 'config.pbtxt', ['config', 'whole']],
    ['labels', 'labels.txt', ['others', 'whole']],
  ])('see that %s may be read now', async (_, file, expected) => {
    expect(await change((folder) => chmodSync(join(folder, file), 0o600))).toEqual(expected);
  });

  it.each(['m/1/model.onnx', 'm/config.pbtxt', 'm/labels.txt', 'm/warmup/sample'])(
    'see that the file behind the link %s was replaced',
    async (name) => {
      const [repository, elsewhere] = [temporary(), temporary()];
      put(repository, { 'm/1/other': 'x', 'm/warmup/other': 'x' });
      put(elsewhere, { old: 'old', new: 'new' });
      const time = new Date(1_600_000_000_000);
      for (const file of ['old', 'new']) utimesSync(join(elsewhere, file), time, time);
      symlinkSync(join(elsewhere, 'old'), join(repository, name));
      const before = await scanOne(repository);
      expect((await scanOne(repository)).fingerprint.whole).toBe(before.fingerprint.whole);
      renameSync(join(elsewhere, 'new'), join(elsewhere, 'old'));
      expect((await scanOne(repository)).fingerprint.whole).not.toBe(before.fingerprint.whole);
    },
  );

  it('follow the swap of a Kubernetes volume', async () => {
    const repository = temporary();
    const folder = join(repository, 'm');
    put(repository, { 'm/..one/config.pbtxt': 'a', 'm/..two/config.pbtxt': 'b', 'm/1/model.onnx': 'x' });
    symlinkSync('..one', join(folder, '..data'));
    symlinkSync(join('..data', 'config.pbtxt'), join(folder, 'config.pbtxt'));
    const before = await scanOne(repository);
    symlinkSync('..two', join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
    const now = await scanOne(repository);
    expect(now.fingerprint.config).not.toBe(before.fingerprint.config);
    expect(now.fingerprint.others).toBe(before.fingerprint.others);
    expect(await readConfigSource(now)).toMatchObject({ text: Buffer.from('b') });
  });

  it('follow models and versions that are links', async () => {
    const [repository, elsewhere] = [temporary(), temporary()];
    put(elsewhere, { 'v/model.onnx': 'x' });
    mkdirSync(join(elsewhere, 'model'));
    symlinkSync(join(elsewhere, 'v'), join(elsewhere, 'model', '1'));
    symlinkSync(join(elsewhere, 'model'), join(repository, 'm'));
    const before = await scanOne(repository);
    expect(before.versions).toEqual([1]);
    writeFileSync(join(elsewhere, 'v', 'model.onnx'), 'longer');
    expect((await scanOne(repository)).fingerprint.versions.get(1)).not.toBe(before.fingerprint.versions.get(1));
  });

  it('know the youngest file, also when its time was set back', async () => {
    const folder = temporary();
    put(folder, { '1/model.onnx': 'x' });
    const past = new Date(1_000_000_000_000);
    utimesSync(join(folder, '1', 'model.onnx'), past, past);
    const { newestMs } = (await scanFolder('m', folder, options)).fingerprint;
    expect(Math.abs(Date.now() - newestMs)).toBeLessThan(60_000);
  });
});
