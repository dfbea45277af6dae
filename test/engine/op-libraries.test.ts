/** What is looked at before the dynamic loader gets a library of custom operators. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OpLibraries } from '../../src/engine/op-libraries.ts';

const folder = mkdtempSync(join(tmpdir(), 'nereid-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const loadSegment = 1;

/** A file whose ELF header announces one segment that ends at this byte. */
function elfFile(segmentEnd: number, fileBytes: number): Buffer {
  const bytes = Buffer.alloc(64 + 56);
  bytes.set(Buffer.from('7f454c46020101', 'hex'));
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(loadSegment, 64);
  bytes.writeBigUInt64LE(1000n, 64 + 8);
  bytes.writeBigUInt64LE(BigInt(segmentEnd - 1000), 64 + 32);
  return Buffer.concat([bytes, Buffer.alloc(5000)]).subarray(0, fileBytes);
}

function library(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const refusal = (path: string): Promise<string> =>
  new OpLibraries().namesFor([path]).then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('a library of custom operators', () => {
  it('must have the bytes of all its segments', async () => {
    expect(await refusal(library('whole.so', elfFile(4000, 4000)))).toBe('none');
    expect(await refusal(library('cut.so', elfFile(4000, 3999)))).toBe(
      "custom operator library 'cut.so' is cut off: its segments need 4000 bytes, the file has 3999",
    );
    expect(await refusal(library('head.so', elfFile(4000, 80)))).toBe(
      "custom operator library 'head.so' is cut off: its segments need 120 bytes, the file has 80",
    );
  });

  it('may be another kind of file, which the loader refuses by itself', async () => {
    expect(await refusal(library('text.so', Buffer.from('hello')))).toBe('none');
    expect(await refusal(library('empty.so', Buffer.alloc(0)))).toBe('none');
  });

  it('must be a regular file: a pipe is refused and not waited for', async () => {
    const pipe = join(folder, 'pipe.so');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    expect(await refusal(pipe)).toMatch(/^custom operator library 'pipe\.so' is no regular file/);
    expect(await refusal(join(folder, 'none.so'))).toMatch(/^custom operator library 'none\.so' does not exist/);
    expect(await refusal(folder)).toMatch(/ is no regular file/);
  });

  it('has its own name until the file is replaced, and then another one for each file', async () => {
    const libraries = new OpLibraries();
    const path = library('changing.so', elfFile(2000, 2000));
    const seen = new Set<string>();
    for (let replacement = 0; replacement < 10; replacement++) {
      const names = await libraries.namesFor([path]);
      expect(await libraries.namesFor([path])).toEqual(names);
      const [name = ''] = names;
      expect(normalize(name)).toBe(path);
      expect(seen.has(name)).toBe(false);
      seen.add(name);
      if (replacement === 0) expect(name).toBe(path);
      renameSync(library('new.so', elfFile(2000, 2000)), path);
    }
  });
});
