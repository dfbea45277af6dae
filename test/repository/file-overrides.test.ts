import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeFileOverrides } from '../../src/repository/file-overrides.ts';
import { scanFolder } from '../../src/repository/layout.ts';
import { temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();
const bytes = (text: string) => Buffer.from(text);
const write = (parent: string, files: Readonly<Record<string, string>>, name = 'm') =>
  writeFileOverrides(name, new Map(Object.entries(files).map(([path, text]) => [path, bytes(text)])), parent);

describe('files of a load request', () => {
  it('become a model folder that can be removed', async () => {
    const parent = temporary();
    const folder = await write(parent, { '1/model.onnx': 'x', './1/../1/data//w.bin': 'w', 'labels.txt': 'cat' });
    expect(basename(folder.path)).toBe('m');
    expect(readFileSync(join(folder.path, '1', 'data', 'w.bin'), 'utf8')).toBe('w');
    expect((await scanFolder('m', folder.path, { configName: null })).versions).toEqual([1]);
    await folder.remove();
    await folder.remove();
    expect(existsSync(folder.path)).toBe(false);
    expect(readdirSync(parent)).toEqual([]);
  });

  it.each([
    ['../x', '../x'],
    ['1/../../x', '../x'],
    ['/etc/passwd', '/etc/passwd'],
    ['', '.'],
    ['.', '.'],
    [' ..', ' ..'],
    [' ', ' '],
  ])('must stay within the model: %j', async (path, normal) => {
    const parent = temporary();
    await expect(write(parent, { '1/model.onnx': 'x', [path]: 'x' })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: `Invalid file parameter 'file:${path}' with normalized path '${normal}' must stay within model directory.`,
    });
    expect(readdirSync(parent)).toEqual([]);
  });

  it.each([
    ['1/', "'file:1/': it names a folder, expected a file"],
    ['1/model.onnx/', "'file:1/model.onnx/': it names a folder, expected a file"],
    ['1/a\0', "'file:1/a\\x00': it contains a NUL character"],
  ])('must name a file: %j', async (path, text) => {
    const parent = temporary();
    await expect(write(parent, { '1/model.onnx': 'x', [path]: 'x' })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: `Invalid file parameter ${text}`,
    });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('must not collide', async () => {
    const parent = temporary();
    await expect(write(parent, { a: 'x', './a': 'y' })).rejects.toThrow('given more than once');
    await expect(write(parent, { a: 'x', 'a/b/c': 'y' })).rejects.toThrow("'file:a' is also a folder of 'file:a/b/c'");
    await expect(write(parent, { [`1/${'x/'.repeat(100_000)}y`]: 'x' })).rejects.toThrow('longer than');
    await expect(write(parent, { [`1/${'x'.repeat(256)}`]: 'x' })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('has a name of 256 bytes in it, expected at most 255'),
    });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('need a model name', async () => {
    await expect(write(temporary(), { a: 'x' }, '../m')).rejects.toThrow('path traversal');
  });
});
