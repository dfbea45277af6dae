import { randomBytes } from 'node:crypto';
import { gunzipSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { deflateCounted } from '../../src/frontends/deflate.ts';

const mib = 2 ** 20;

/** Compresses these parts. */
async function compressed(parts: readonly Buffer[], coding: 'gzip' | 'deflate' = 'gzip') {
  let countedBytes = 0;
  const pieces = await deflateCounted({
    parts,
    coding,
    level: 1,
    count: (bytes) => {
      countedBytes += bytes;
    },
    isWanted: () => true,
  });
  return { bytes: Buffer.concat(pieces ?? []), countedBytes };
}

describe('a compressed answer', () => {
  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const)('is what its reader reads, and is counted: %s', async (coding, inflate) => {
    for (const parts of [
      [],
      [Buffer.from('text')],
      [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(3 * mib + 1, 'b'), randomBytes(200_000)],
    ]) {
      const { bytes, countedBytes } = await compressed(parts, coding);
      expect(inflate(bytes).equals(Buffer.concat(parts))).toBe(true);
      expect(countedBytes).toBe(bytes.length);
    }
  });

  it('is one of few large ones that are made at once; small ones pass them', async () => {
    const begun = new Set<number>();
    let done = 0;
    const part = randomBytes(300_000);
    const large = Array.from({ length: 12 }, async (_, i) => {
      await deflateCounted({
        parts: [part],
        coding: 'gzip',
        level: 1,
        count: () => undefined,
        isWanted: () => {
          begun.add(i);
          return true;
        },
      });
      done++;
    });
    await Promise.resolve();
    expect(begun.size).toBe(4);
    expect((await compressed([Buffer.from('small')])).bytes.length).toBeGreaterThan(0);
    expect(done, 'large ones that a small one waited for').toBeLessThan(12);
    await Promise.all(large);
    expect([done, begun.size]).toEqual([12, 12]);
  });

  it('is given up when nobody wants it any more, and the next one is made', async () => {
    let asked = 0;
    let countedBytes = 0;
    const lost = deflateCounted({
      parts: [randomBytes(8 * mib)],
      coding: 'gzip',
      level: 1,
      count: (bytes) => {
        countedBytes += bytes;
      },
      isWanted: () => ++asked < 3,
    });
    expect(await lost).toBeNull();
    expect([asked, countedBytes < 4 * mib]).toEqual([3, true]);
    for (let i = 0; i < 6; i++) expect((await compressed([randomBytes(100_000)])).countedBytes).toBeGreaterThan(0);
  });
});
