import { execFileSync } from 'node:child_process';
import { appendFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRegularFile } from '../../src/repository/read-file.ts';
import { temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();
const read = (path: string, maxBytes = 1000): Promise<Buffer> =>
  readRegularFile(path, { subject: 'the file', maxBytes });

describe('reading a file of a model', () => {
  it.each([0, 1, 999, 1000])('gives all of its %d bytes', async (size) => {
    const path = join(temporary(), 'file');
    const bytes = Buffer.alloc(size, 'abc');
    writeFileSync(path, bytes);
    expect((await read(path)).equals(bytes)).toBe(true);
  });

  it('reads files larger than one piece', async () => {
    const path = join(temporary(), 'file');
    const bytes = Buffer.alloc(3_500_000, 'abcdefg');
    writeFileSync(path, bytes);
    expect((await read(path, 4_000_000)).equals(bytes)).toBe(true);
  });

  it('follows links, and refuses a file that is too large before reading it', async () => {
    const folder = temporary();
    writeFileSync(join(folder, 'file'), 'x');
    symlinkSync(join(folder, 'file'), join(folder, 'link'));
    expect((await read(join(folder, 'link'))).toString()).toBe('x');
    truncateSync(join(folder, 'file'), 2 ** 40);
    await expect(read(join(folder, 'link'))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: 'the file has 1099511627776 bytes, expected at most 1000',
    });
  });

  it('keeps its limit where the size says nothing', async () => {
    // Files of /proc have the size 0.
    expect((await read('/proc/self/status', 100_000)).length).toBeGreaterThan(0);
    await expect(read('/proc/self/status', 10)).rejects.toMatchObject({ code: 'invalid_argument' });
    const path = join(temporary(), 'file');
    writeFileSync(path, 'x'.repeat(1000));
    appendFileSync(path, 'y');
    await expect(read(path)).rejects.toThrow('the file has 1001 bytes, expected at most 1000');
  });

  it.each<[string, (path: string) => unknown]>([
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a folder', (path) => execFileSync('mkdir', [path])],
    ['a device', (path) => symlinkSync('/dev/zero', path)],
  ])('refuses %s at once, also behind a link', async (kind, make) => {
    const folder = temporary();
    make(join(folder, 'it'));
    symlinkSync(join(folder, 'it'), join(folder, 'link'));
    for (const name of ['it', 'link']) {
      await expect(read(join(folder, name))).rejects.toMatchObject({
        code: 'invalid_argument',
        message: `the file is ${kind}, expected a regular file`,
      });
    }
  });

  it('refuses a socket', async () => {
    const path = join(temporary(), 's');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await expect(read(path)).rejects.toThrow('the file is a socket, expected a regular file');
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(['missing', 'missing/below', 'x'.repeat(300)])('says that there is no %s', async (name) => {
    await expect(read(join(temporary(), name))).rejects.toMatchObject({
      code: 'not_found',
      message: "the file does not exist in the model's folder",
    });
  });
});
