/** Large models, whose weights are mapped from the model file while it is opened, and not copied. */

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { BatchInput, EngineInstance, ModelFile } from '../../src/engine/engine.ts';
import { elem, floats, initializer, int64s, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { cpuSpec, engineForTests, floatsIn, modelFolder, outputsOf, withSession } from './model-files.ts';

const folder = modelFolder();
afterAll(() => folder.remove());
const engine = engineForTests();

const width = 1024;
const numbers = (count: number, seed: number): Uint8Array =>
  floats(Array.from({ length: count }, (_, i) => Math.sin(i * 0.7 + seed)));
const square = (seed: number): Uint8Array => numbers(width * width, seed);
const squares = { table: square(1), product: square(2), gemm: square(3), sum: square(4) };
const filters = numbers(256 * 64 * 9, 5);

/** One weight for each kind of operator; `padding` moves them all in the file. */
const manyOperators = (padding: number): Uint8Array =>
  model({
    producer: 'p'.repeat(8 + padding),
    nodes: [
      node('Gather', ['table', 'row'], ['a']),
      node('MatMul', ['a', 'product'], ['b']),
      node('Gemm', ['b', 'gemm'], ['c']),
      node('Gather', ['sum', 'row'], ['d']),
      node('Add', ['c', 'd'], ['y']),
      node('Mul', ['sum', 'factor'], ['scaled']),
      node('MatMul', ['y', 'scaled'], ['z']),
      node('Conv', ['image', 'filters'], ['convolved']),
    ],
    inputs: [
      valueInfo('row', tensorType(elem.int64, ['batch'])),
      valueInfo('factor', tensorType(elem.float, [1])),
      valueInfo('image', tensorType(elem.float, [1, 64, 5, 5])),
    ],
    outputs: [
      valueInfo('z', tensorType(elem.float, ['batch', width])),
      valueInfo('convolved', tensorType(elem.float, [1, 256, 3, 3])),
    ],
    initializers: [
      ...Object.entries(squares).map(([name, bytes]) => initializer(name, elem.float, [width, width], bytes)),
      initializer('filters', elem.float, [256, 64, 3, 3], filters),
    ],
  });
const rows: BatchInput = { index: 0, shape: [2], parts: [int64s([3, width - 1])] };
const factor: BatchInput = { index: 1, shape: [1], parts: [floats([0.5])] };
const image: BatchInput = { index: 2, shape: [1, 64, 5, 5], parts: [numbers(64 * 25, 6)] };
const answersOf = async (instance: EngineInstance): Promise<number[][]> =>
  (await outputsOf(instance, [rows, factor, image], [0, 1])).map(({ data }) => floatsIn(data));

/** A setting of compiled models, which are not opened so. */
const fromFile = { sessionEntries: new Map([['ep.context_enable', '0']]) };

/** Bytes that this process has read from files and sockets. */
const readBytes = (): number => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

describe.runIf(process.platform === 'linux')('a large model', () => {
  it('answers as it does when its weights are copied, wherever they lie in the file', async () => {
    for (const padding of [0, 1, 2, 3]) {
      const file = folder.write(`padded-${padding}.onnx`, manyOperators(padding));
      const expected = await withSession(engine, cpuSpec(file, fromFile), answersOf);
      expect(await withSession(engine, cpuSpec(file), answersOf)).toEqual(expected);
      expect(expected.flat().every(Number.isFinite)).toBe(true);
    }
  });

  it('is opened without being read as a whole', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const bytes = model({
      nodes: names.map((name, i) => node('MatMul', [names[i - 1] ?? 'x', `w${name}`], [name])),
      inputs: [valueInfo('x', tensorType(elem.float, ['batch', width]))],
      outputs: [valueInfo('f', tensorType(elem.float, ['batch', width]))],
      initializers: names.map((name, i) => initializer(`w${name}`, elem.float, [width, width], square(i))),
    });
    const file = folder.write('products.onnx', bytes);
    const before = readBytes();
    const session = await engine.openSession(cpuSpec(file));
    expect(readBytes() - before).toBeLessThan(bytes.length / 2);
    await session.close();
  });

  it('keeps its weights when its file is overwritten or cut while it serves', async () => {
    const file = folder.write('served.onnx', manyOperators(1));
    await withSession(engine, cpuSpec(file), async (instance) => {
      const expected = await answersOf(instance);
      writeFileSync(file.path, new Uint8Array(4 * width * width), { flag: 'r+' });
      expect(await answersOf(instance)).toEqual(expected);
      truncateSync(file.path, 0);
      expect(await answersOf(instance)).toEqual(expected);
    });
  });

  it('is refused as changed when its file is cut after it was inspected', async () => {
    const file = folder.write('inspected.onnx', manyOperators(2));
    await engine.inspect(file);
    truncateSync(file.path, 8 * width * width);
    await expect(engine.openSession(cpuSpec(file))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining("'inspected.onnx' changed while the model was opened"),
    });
  });

  it('is opened whole or refused, and nothing worse, whenever its file is cut', async () => {
    const bytes = manyOperators(3);
    const begun = performance.now();
    await withSession(engine, cpuSpec(folder.write('timed.onnx', bytes)), async () => undefined);
    const openMs = performance.now() - begun;
    const codes = new Set<string>();
    for (let i = 0; i < 24; i++) {
      const file: ModelFile = { path: join(folder.path, 'cut.onnx'), folder: folder.path };
      writeFileSync(file.path, bytes);
      const opening = withSession(engine, cpuSpec(file), answersOf).then(
        () => 'open',
        (error: { code: string }) => error.code,
      );
      await sleep((openMs * i) / 24);
      truncateSync(file.path, 4096);
      codes.add(await opening);
    }
    expect([...codes].filter((code) => !['open', 'unavailable', 'invalid_argument'].includes(code))).toEqual([]);
  });
});
