/** Outputs that the addon writes where the caller wants them. */

import { afterAll, describe, expect, it } from 'vitest';
import type { BatchInput, EngineInstance, EngineResult } from '../../src/engine/engine.ts';
import { encodeBytesElements } from '../../src/tensor/bytes-elements.ts';
import { hostBytes, RegionBytes } from '../../src/tensor/tensor-bytes.ts';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  identityModel,
  modelFolder,
  withSession,
} from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

const filler = 0xee;

/** Memory that somebody else has too, and the part of it that is offered. */
function offered(bytes: number, offset = 64): { all: Uint8Array; target: RegionBytes } {
  const memory = new SharedArrayBuffer(bytes + offset + 64);
  const all = new Uint8Array(memory).fill(filler);
  return { all, target: new RegionBytes({ memory, byteLength: memory.byteLength }, offset, bytes) };
}

const run = (instance: EngineInstance, input: BatchInput, target: RegionBytes): Promise<EngineResult> =>
  new Promise((resolve) => {
    instance.submit({ inputs: [input], outputs: [0], target }, resolve);
  });

const rows = 5000;
const row = (first: number): BatchInput => ({
  index: 0,
  shape: [rows, 4],
  parts: [bytesOf(Float32Array.from({ length: rows * 4 }, (_, i) => first + i))],
});
const doubled = (first: number) => Array.from({ length: rows * 4 }, (_, i) => Math.fround((first + i) * 2));

describe('outputs of a run with a target', () => {
  it('lie in the target, and nothing beside it is touched', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(4))), async (instance) => {
      // The first run learns the shape of the output, the second one is bound to the target.
      for (const first of [0, 7, -3]) {
        const { all, target } = offered(rows * 16);
        const result = await run(instance, row(first), target);
        const data = result.outputs[0].data as RegionBytes;
        expect([data instanceof RegionBytes, data.region, data.offset, data.length]).toEqual([
          true,
          target.region,
          64,
          rows * 16,
        ]);
        expect(floatsIn(data)).toEqual(doubled(first));
        expect([...all.subarray(0, 64), ...all.subarray(-64)].every((byte) => byte === filler)).toBe(true);
        result.release();
      }
    });
  });

  it.each([
    ['too small', rows * 16 - 1, 64],
    ['at an address that no number of eight bytes has', rows * 16, 68],
  ])('come in a slab where the target is %s', async (_what, bytes, offset) => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(4))), async (instance) => {
      for (const first of [0, 7]) {
        const { all, target } = offered(bytes, offset);
        const result = await run(instance, row(first), target);
        expect(result.outputs[0].data).toBeInstanceOf(Uint8Array);
        expect(floatsIn(result.outputs[0].data)).toEqual(doubled(first));
        expect(all.every((byte) => byte === filler)).toBe(true);
        result.release();
      }
    });
  });

  it('go to each target, whatever the batches before had', async () => {
    await withSession(engine, cpuSpec(folder.write('double.onnx', doublingModel(4))), async (instance) => {
      const big = offered(rows * 16);
      const small = offered(16);
      const held: { result: EngineResult; first: number }[] = [];
      for (let first = 0; first < 8; first++) {
        const { target } = first % 3 === 2 ? small : first % 3 === 1 ? offered(rows * 16) : big;
        const result = await run(instance, row(first), target);
        expect(floatsIn(result.outputs[0].data)).toEqual(doubled(first));
        if (first % 3 > 0) held.push({ result, first });
        else result.release();
      }
      for (const { result, first } of held) {
        expect(floatsIn(result.outputs[0].data)).toEqual(doubled(first));
        result.release();
      }
    });
  });

  it('are there in wire form where they are texts', async () => {
    const file = folder.write('texts.onnx', identityModel(elem.string, ['n']));
    await withSession(engine, cpuSpec(file), async (instance) => {
      const wire = encodeBytesElements([Buffer.from('one'), Buffer.alloc(0), Buffer.from('a\0c')]);
      const { target } = offered(wire.length);
      const result = await run(instance, { index: 0, shape: [3], parts: [wire] }, target);
      expect(result.outputs[0].data).toBeInstanceOf(RegionBytes);
      expect([...hostBytes(result.outputs[0].data)]).toEqual([...wire]);
      result.release();
    });
  });

  it('are there also when their shape was foretold wrongly', async () => {
    const nonZero = model({
      inputs: [valueInfo('x', tensorType(elem.float, ['n']))],
      outputs: [valueInfo('y', tensorType(elem.int64, [1, 'm']))],
      nodes: [node('NonZero', ['x'], ['y'])],
    });
    await withSession(engine, cpuSpec(folder.write('nonzero.onnx', nonZero)), async (instance) => {
      for (const places of [[0, 2], [1], [0, 1, 2, 3], [3]]) {
        const values = new Float32Array(4);
        for (const place of places) values[place] = 1;
        const { target } = offered(32);
        const result = await run(instance, { index: 0, shape: [4], parts: [bytesOf(values)] }, target);
        expect(result.error).toBeNull();
        const { data, shape } = result.outputs[0];
        expect([data instanceof RegionBytes, shape]).toEqual([true, [1, places.length]]);
        expect([...new BigInt64Array(Uint8Array.from(hostBytes(data)).buffer)]).toEqual(places.map(BigInt));
        result.release();
      }
    });
  });
});
