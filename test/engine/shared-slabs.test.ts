/** Output slabs that other threads open by their tokens. Uses the built server. */

import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { EngineInstance, EngineResult } from '../../src/engine/engine.ts';
import { loadNative } from '../../src/engine/load-native.ts';
import { bytesOf, cpuSpec, doublingModel, engineForTests, floatsIn, infer, modelFolder } from './model-files.ts';

const fixture = join(import.meta.dirname, 'shared-slab-fixture.mjs');
const folder = modelFolder();
const spec = cpuSpec(folder.write('doubling.onnx', doublingModel(2)));
afterAll(() => folder.remove());

const addon = loadNative();
/** The slab that was opened last, which is the one of the first batch of an instance. */
let opened: readonly [number, number] = [-1, -1];
const { slabBuffer } = addon;
addon.slabBuffer = (instanceId, slabId) => {
  opened = [instanceId, slabId];
  return slabBuffer(instanceId, slabId);
};
const engine = engineForTests();

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

interface Order {
  readonly what: 'open' | 'read' | 'write' | 'discard' | 'forget' | 'end';
  readonly token?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly value?: number;
}

/** A thread without ONNX Runtime, as a function that gives it orders. */
function reader(): (order: Order) => Promise<unknown> {
  const worker = new Worker(fixture, { workerData: {} });
  workers.push(worker);
  return async (order) => {
    const answered = once(worker, order.what === 'end' ? 'exit' : 'message');
    worker.postMessage(order);
    const [{ answer, error }] = await answered;
    if (error !== null && error !== undefined) throw new Error(error);
    return answer;
  };
}

const row = (...values: number[]) => [{ index: 0, shape: [1, 2], parts: [bytesOf(Float32Array.from(values))] }];

/** The result of a batch, not released. */
const held = (instance: EngineInstance, ...values: number[]): Promise<EngineResult> =>
  new Promise((resolve) => instance.run({ inputs: row(...values), outputs: [0] }, resolve));

/** A slab with the doubles of `values` in use, its token, and a way to free everything. */
async function sharedSlab(...values: number[]) {
  const session = await engine.openSession(spec);
  const instance = session.createInstance({ name: 'shared_0', maxRows: 0 });
  const result = await held(instance, ...values);
  const { data } = result.outputs[0];
  return {
    instance,
    result,
    data,
    offset: data.byteOffset,
    token: addon.shareSlab(...opened),
    async close() {
      result.release();
      await instance.close();
      await session.close();
    },
  };
}

describe('a shared slab', () => {
  it('is the same memory in another thread', async () => {
    const slab = await sharedSlab(1, 2);
    const { token, offset } = slab;
    const tell = reader();
    await tell({ what: 'open', token });
    expect(await tell({ what: 'read', offset, length: 2 })).toEqual([2, 4]);
    slab.data.set(bytesOf(Float32Array.of(7)));
    expect(await tell({ what: 'read', offset, length: 2 })).toEqual([7, 4]);
    await tell({ what: 'write', offset, value: 9 });
    expect(floatsIn(slab.data)).toEqual([9, 4]);
    expect(await tell({ what: 'discard' })).toBe(0);
    expect(floatsIn(slab.data)).toEqual([9, 4]);
    addon.forgetShared(token);
    await slab.close();
  });

  it('shows the next batches that come to lie in it', async () => {
    const slab = await sharedSlab(1, 2);
    const tell = reader();
    await tell({ what: 'open', token: slab.token });
    slab.result.release();
    for (let turn = 0; turn < 5; turn++) {
      const next = await held(slab.instance, turn, turn + 1);
      const offset = next.outputs[0].data.byteOffset;
      expect(await tell({ what: 'read', offset, length: 2 })).toEqual([2 * turn, 2 * turn + 2]);
      next.release();
    }
    await slab.close();
  });

  it('stays readable in threads that have it after it is forgotten and its session is closed', async () => {
    const slab = await sharedSlab(3, 5);
    const { token, offset } = slab;
    const tells = [reader(), reader()];
    for (const tell of tells) await tell({ what: 'open', token });
    addon.forgetShared(token);
    await slab.close();
    for (const tell of tells) expect(await tell({ what: 'read', offset, length: 2 })).toEqual([6, 10]);
    await tells[0]({ what: 'discard' });
    expect(await tells[1]({ what: 'read', offset, length: 2 })).toEqual([6, 10]);
    await expect(tells[0]({ what: 'open', token })).rejects.toThrow('no such shared slab');
  });

  it('is opened once per thread at a time', async () => {
    const slab = await sharedSlab(1, 2);
    const { token, offset } = slab;
    const tell = reader();
    await tell({ what: 'open', token });
    await expect(tell({ what: 'open', token })).rejects.toThrow('has a buffer of the slab');
    expect(() => addon.openShared(token)).toThrow('has a buffer of the slab');
    await tell({ what: 'discard' });
    await tell({ what: 'open', token });
    expect(await tell({ what: 'read', offset, length: 2 })).toEqual([2, 4]);
    addon.forgetShared(token);
    await slab.close();
  });

  it('outlives a thread that leaves with it open', async () => {
    const slab = await sharedSlab(1, 2);
    for (let turn = 0; turn < 4; turn++) {
      const tell = reader();
      await tell({ what: 'open', token: slab.token });
      if (turn % 2 === 0) await tell({ what: 'end' });
      else await workers.pop()?.terminate();
    }
    expect(floatsIn(slab.data)).toEqual([2, 4]);
    slab.result.release();
    expect((await infer(slab.instance, row(4, 6), [0])).error).toBeNull();
    await slab.close();
  });

  it('is forgotten by its own thread only, and with that thread', async () => {
    const owner = new Worker(fixture, { workerData: { spec } });
    workers.push(owner);
    const [{ token, offset }] = await once(owner, 'message');
    addon.forgetShared(token);
    const buffer = addon.openShared(token);
    expect([...new Float32Array(buffer, offset, 2)]).toEqual([2, 4]);
    owner.postMessage('end');
    await once(owner, 'exit');
    expect([...new Float32Array(buffer, offset, 2)]).toEqual([2, 4]);
    addon.discardBuffer(buffer);
    expect(buffer.byteLength).toBe(0);
    expect(() => addon.openShared(token)).toThrow('no such shared slab');
  });

  it('is not moved to another thread by a message that would transfer it', async () => {
    const slab = await sharedSlab(1, 2);
    const buffer = slab.data.buffer as ArrayBuffer;
    const { port1, port2 } = new MessageChannel();
    // Node 20 copies it instead, later versions throw.
    try {
      port1.postMessage(buffer, [buffer]);
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(floatsIn(slab.data)).toEqual([2, 4]);
    port2.close();
    await slab.close();
  });

  it('has a token of its own each time, and none when it is not there', async () => {
    const slab = await sharedSlab(1, 2);
    const again = addon.shareSlab(...opened);
    expect(again).toBeGreaterThan(slab.token);
    addon.forgetShared(slab.token);
    addon.forgetShared(slab.token);
    const tell = reader();
    await tell({ what: 'open', token: again });
    addon.forgetShared(again);
    for (const [instanceId, slabId] of [
      [opened[0], 99],
      [99, 0],
      [-1, -1],
    ] as const) {
      expect(() => addon.shareSlab(instanceId, slabId)).toThrow('no such slab');
    }
    for (const token of [0, -1, 1e9, Number.NaN]) expect(() => addon.openShared(token)).toThrow();
    await slab.close();
  });
});
