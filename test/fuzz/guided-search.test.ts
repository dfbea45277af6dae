/** The search itself, on targets made to be broken: it finds what blind changes would not, makes it short, and counts right. */

import { describe, expect, it } from 'vitest';
import { hitsName, withCounters } from './guided/branch-counters.ts';
import { Chance } from './guided/chance.ts';
import { Corpus, takeFeatures } from './guided/corpus.ts';
import { type Finding, Search } from './guided/search.ts';

let modules = 0;

/** A module's function with counters, and what they count. */
async function counted(text: string) {
  const hits = new Uint8ClampedArray(64);
  const { text: code, count } = withCounters(`export ${text}`, 0);
  (globalThis as unknown as Record<string, unknown>)[hitsName] = hits;
  const module = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}//${modules++}`);
  return { hits, count, run: module.run as (bytes: Buffer) => void };
}

/** Where nothing stands for the other side of a condition, its counter comes before that of the side that is there. */
describe('withCounters', () => {
  it.each([
    ['function run(a) { if (a) return 1; return 2; }', true, [1, 0, 1], 1],
    ['function run(a) { if (a) return 1; return 2; }', false, [1, 1, 0], 2],
    ['function run(a) { if (a > 1) return 1; else if (a) return 3; return 2; }', 1, [1, 0, 1, 0, 1], 3],
    ['const run = (a) => a ? { b: 1 }.b : (0, 7);', 0, [1, 0, 1], 7],
    ['const run = (a) => ({ a }).a ?? "none";', null, [1, 1], 'none'],
    ['function run(a) { let b = 0; for (const c of a) b += c; return b; }', [1, 2, 3], [1, 3], 6],
    ['function run(a) { switch (a) { case 1: case 2: return 5; default: return 6; } }', 1, [1, 1, 1, 0], 5],
    ['function run(a) { try { throw a; } catch { return 8; } }', 1, [1, 1], 8],
    ['function run(a) { if (a) if (a > 1) return 1; else return 2; return 3; }', 1, [1, 0, 1, 0, 1], 2],
    ['function run(a) { do a--; while (a > 0 && a !== 2); return a; }', 5, [1, 3, 3], 2],
  ])('counts in %s of %s', async (text, value, hits, result) => {
    const one = await counted(text);
    expect(one.count).toBe(hits.length);
    expect(one.run(value as never)).toBe(result);
    expect([...one.hits.subarray(0, one.count)]).toEqual(hits);
  });
});

describe('a search', () => {
  it('finds a fault behind several steps, once, and shortens its input', async () => {
    const steps = ['0x17', '0x2a', '0xf3', '0x61'].map((byte, i) => `if (a[i + ${i}] !== ${byte}) continue;`).join(' ');
    const text = `function run(a) { for (let i = 0; i + 3 < a.length; i++) { ${steps} throw new Error('there'); } }`;
    const { hits, count, run } = await counted(text);
    const findings: Finding[] = [];
    const search = new Search({
      target: { seeds: [Buffer.from('nothing of it, but long enough')], words: [], maxBytes: 64, run },
      hits,
      counters: count,
      words: [],
      inputs: [],
      chance: new Chance(7),
      onRun: () => {},
      onFinding: (finding) => findings.push(finding),
      onProgress: () => {},
    });
    await search.start();
    for (let i = 0; i < 100 && findings.length === 0; i++) await search.search(100);
    expect(findings.map(({ error }) => error.message)).toEqual(['there']);
    expect(findings[0].input).toEqual(Buffer.of(0x17, 0x2a, 0xf3, 0x61));
  });

  it('keeps the shortest input for each feature', () => {
    const corpus = new Corpus(new Chance(1));
    const hits = new Uint8ClampedArray(4);
    const add = (text: string, ...counts: number[]) => {
      hits.set(counts);
      return corpus.add(Buffer.from(text), takeFeatures(hits, 4));
    };
    expect(add('long input', 1, 0, 5)).toBe(true);
    expect(add('another one', 1, 0, 6)).toBe(false);
    expect(add('short', 1)).toBe(false);
    expect(add('more', 2)).toBe(true);
    expect(corpus.entries.map(({ bytes }) => String(bytes))).toEqual(['long input', 'short', 'more']);
    expect(add('least', 1, 0, 5)).toBe(false);
    expect(corpus.entries.map(({ bytes }) => String(bytes))).toEqual(['short', 'more', 'least']);
    expect([corpus.reachedCount, corpus.featureCount, [...hits]]).toEqual([2, 3, [0, 0, 0, 0]]);
    expect(corpus.distilled(100).map(String)).toEqual(['more', 'least']);
    expect(corpus.distilled(4).map(String)).toEqual(['more']);
  });
});
