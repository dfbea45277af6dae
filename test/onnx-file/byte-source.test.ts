/** How much of a file is read for the places that are asked for. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileSource, windowBytes } from '../../src/engine/onnx-file/byte-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'nereid-byte-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const size = 4 * windowBytes;
const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) % 251);
const path = join(folder, 'bytes');
writeFileSync(path, bytes);

async function lengthsOf(reads: readonly (readonly [offset: number, leastBytes?: number])[]): Promise<number[]> {
  const source = await FileSource.open(path);
  try {
    const lengths: number[] = [];
    for (const [offset, leastBytes] of reads) {
      const part = await source.read(offset, leastBytes);
      expect(Buffer.compare(part, bytes.subarray(offset, offset + part.length))).toBe(0);
      lengths.push(part.length);
    }
    return lengths;
  } finally {
    await source.close();
  }
}

describe('a file that is read in windows', () => {
  it('is read in whole windows where one place follows another', async () => {
    expect(await lengthsOf([[0], [windowBytes], [2 * windowBytes - 20]])).toEqual([
      windowBytes,
      windowBytes,
      windowBytes,
    ]);
  });

  it('gives few bytes behind a jump, and whole windows from there on', async () => {
    const [, jumped, next, back] = await lengthsOf([[0], [size / 2], [size / 2 + 16_384], [100]]);
    expect([jumped, next, back]).toEqual([16_384, windowBytes, 16_384]);
  });

  it('gives as many bytes behind a jump as a text needs, and no more than there are', async () => {
    const text = 100_000;
    expect(await lengthsOf([[0], [size / 2, text], [size - 50, text], [size / 2], [size / 2, text]])).toEqual([
      ...[windowBytes, text, 50, 16_384, windowBytes],
    ]);
  });
});
