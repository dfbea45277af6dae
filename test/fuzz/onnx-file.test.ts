/**
 * Damaged real models against the reader and the rewriter: whatever happens to the bytes, the answer is facts or an
 * `InferenceError`, soon and without much memory. Seeded; NEREID_FUZZ_SEED and NEREID_FUZZ_RUNS choose others.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/engine/onnx-file/byte-source.ts';
import { checkExternalFiles } from '../../src/engine/onnx-file/external-files.ts';
import { readOnnxSource } from '../../src/engine/onnx-file/read-onnx-file.ts';
import { rewriteZipMaps } from '../../src/engine/onnx-file/zip-map.ts';
import { InferenceError } from '../../src/errors.ts';
import { elem, externalInitializer, graph, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

const { NEREID_FUZZ_SEED, NEREID_FUZZ_RUNS } = process.env;
const seed = Number(NEREID_FUZZ_SEED ?? 20260101);
const runs = Number(NEREID_FUZZ_RUNS ?? 4000);
const repository = join(import.meta.dirname, '../../model-repository');

/** A small generator of good enough numbers from 0 to 1 (mulberry32). */
function numbers(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const external = model({
  nodes: [
    node('If', ['c'], ['y'], {
      then_branch: {
        graph: graph({
          nodes: [],
          inputs: [],
          outputs: [],
          initializers: [
            externalInitializer('W', elem.float, [2, 2], { location: '../w.bin', offset: 16, length: 16 }),
          ],
        }),
      },
    }),
  ],
  inputs: [valueInfo('c', tensorType(elem.bool, []))],
  outputs: [valueInfo('y', tensorType(elem.float, null))],
});
const originals = [
  external,
  ...readdirSync(repository).map((name) => new Uint8Array(readFileSync(join(repository, name, '1/model.onnx')))),
];

/** One damage, at times up to four: bytes set, runs removed, copied or inserted, numbers blown up, the end cut off. */
function damaged(original: Uint8Array, next: () => number): Uint8Array {
  let bytes = Buffer.from(original);
  const below = (limit: number): number => Math.floor(next() * limit);
  // Most of the structure is at the front and the end, most of the middle is weights.
  const place = (): number => {
    const near = below(Math.min(bytes.length, 400));
    const choice = next();
    if (choice < 0.4) return near;
    return choice < 0.7 ? bytes.length - 1 - near : below(bytes.length);
  };
  for (let count = next() < 0.6 ? 1 : 1 + below(4); count > 0 && bytes.length > 8; count -= 1) {
    const at = place();
    const other = place();
    switch (next() < 0.3 ? 1 : below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 2:
        bytes = bytes.subarray(0, at + 1);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, Math.min(at, other)), bytes.subarray(Math.max(at, other))]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + 60), bytes.subarray(at)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + below(11), 0xff), bytes.subarray(at)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([0xfa, 0xff, 0xff, 0xff, 0x7f]), bytes.subarray(at)]);
    }
  }
  return new Uint8Array(bytes);
}

const modelFile = { path: join(repository, 'simple/1/model.onnx'), folder: join(repository, 'simple') };

describe(`damaged models (seed ${seed}, ${runs} runs)`, () => {
  it('give facts or one clear error', async () => {
    const next = numbers(seed);
    const before = process.memoryUsage();
    let readable = 0;
    let refused = 0;
    let slowestMs = 0;
    for (let run = 0; run < runs; run += 1) {
      const bytes = damaged(originals[run % originals.length]!, next);
      const start = process.cpuUsage();
      try {
        const facts = await readOnnxSource(bytesSource('fuzz.onnx', bytes));
        const rewritten = await rewriteZipMaps('fuzz.onnx', bytes);
        if (rewritten !== null) await readOnnxSource(bytesSource('again.onnx', rewritten.bytes));
        await checkExternalFiles(facts, modelFile);
        readable += 1;
      } catch (error) {
        if (!(error instanceof InferenceError)) throw new Error(`run ${run} of seed ${seed}`, { cause: error });
        expect(error.message.length, `run ${run}`).toBeLessThan(250_000);
        refused += 1;
      }
      slowestMs = Math.max(slowestMs, process.cpuUsage(start).user / 1000);
    }
    const after = process.memoryUsage();
    console.log(`${readable} readable, ${refused} refused, slowest ${slowestMs.toFixed(1)} ms`);
    expect(readable).toBeGreaterThan(runs / 20);
    expect(refused).toBeGreaterThan(runs / 5);
    expect(slowestMs).toBeLessThan(2000);
    expect(after.rss - before.rss).toBeLessThan(400 * 2 ** 20);
  });
});
