/** Callers that want their outputs in memory of their own: who gets it, and that it comes back once. */

import { beforeEach, describe, expect, it } from 'vitest';
import { internal, unavailable } from '../../src/errors.ts';
import type { OutputMemory } from '../../src/inference/output-memory.ts';
import { RegionBytes } from '../../src/tensor/tensor-bytes.ts';
import { type Caller, Stage, settle } from './stage.ts';

/** Memory of a caller that remembers what was taken and released. */
class OwnMemory implements OutputMemory {
  readonly taken: RegionBytes[] = [];
  readonly released: RegionBytes[] = [];
  isFull = false;

  take(bytes: number): RegionBytes | null {
    if (this.isFull) return null;
    const memory = new ArrayBuffer(bytes + 32);
    const part = new RegionBytes({ memory, byteLength: memory.byteLength }, 32, bytes);
    this.taken.push(part);
    return part;
  }

  release(memory: RegionBytes): void {
    this.released.push(memory);
  }
}

const rows = 20_000;
const values = Array.from({ length: rows }, (_, i) => i % 251);

let stage: Stage;
let outputMemory: OwnMemory;
beforeEach(async () => {
  stage = new Stage({ config: { maxBatchSize: rows * 2 } });
  outputMemory = new OwnMemory();
  const first = await answered(send());
  // How large outputs are is known from here on.
  expect([outputMemory.taken.length, first.values]).toEqual([0, values]);
  first.response?.release();
});

const send = (given: readonly number[] = values): Caller => stage.send(given, {}, { outputMemory });

async function answered(caller: Caller): Promise<Caller> {
  await stage.turn();
  await stage.complete();
  return caller;
}

const dataOf = ({ response }: Caller) => response?.outputs[0].data;

describe('the outputs of a request with memory of its own', () => {
  it('lie there, and the memory comes back when the response is released', async () => {
    const caller = await answered(send());
    const [target] = outputMemory.taken;
    expect(dataOf(caller)).toBeInstanceOf(RegionBytes);
    expect((dataOf(caller) as RegionBytes).region).toBe(target.region);
    expect(caller.values).toEqual(values);
    expect(outputMemory.released).toEqual([]);
    caller.response?.release();
    caller.response?.release();
    expect(outputMemory.released).toEqual([target]);
    expect(stage.instance.last.releaseCount).toBe(1);
  });

  it('are foretold by the rows of the request', async () => {
    const caller = await answered(send([...values, ...values]));
    expect(outputMemory.taken.map(({ length }) => length)).toEqual([rows * 2 * 4]);
    expect(caller.values).toEqual([...values, ...values]);
    caller.response?.release();
    expect(outputMemory.released).toEqual(outputMemory.taken);
  });

  it('come in memory of the engine where they are larger than foretold', async () => {
    const caller = send();
    await stage.turn();
    const { compute } = stage.instance;
    stage.instance.compute = (batch) =>
      compute(batch).map((output) => ({ ...output, shape: [rows, 2], data: new Uint8Array(rows * 8) }));
    await stage.complete();
    expect(dataOf(caller)).toBeInstanceOf(Uint8Array);
    expect(outputMemory.released).toEqual(outputMemory.taken);
    caller.response?.release();
    expect([outputMemory.taken.length, outputMemory.released.length]).toEqual([1, 1]);
  });

  it('come in memory of the engine where the caller has none to give', async () => {
    outputMemory.isFull = true;
    const caller = await answered(send());
    expect([dataOf(caller) instanceof Uint8Array, caller.values]).toEqual([true, values]);
  });

  it('are copied where they are small', async () => {
    const caller = await answered(send([1, 2, 3]));
    expect([outputMemory.taken.length, caller.values]).toEqual([0, [1, 2, 3]]);
  });

  it('come in memory of the engine where several requests share a batch', async () => {
    const callers = [send(), send(values)];
    await stage.turn();
    await stage.complete();
    expect(callers.map((caller) => caller.values)).toEqual([values, values]);
    expect(outputMemory.taken).toEqual([]);
  });
});

describe('memory for outputs that never came', () => {
  it.each([
    ['the run fails', async () => stage.instance.last.fail(internal('no'))],
    ['the caller leaves while it runs', async (caller: Caller) => caller.leave()],
    [
      'the caller leaves and the run ends well',
      async (caller: Caller) => {
        stage.instance.endsWhenTerminated = false;
        caller.leave();
        stage.instance.last.complete();
      },
    ],
    [
      'the outputs are not what was asked for',
      async () =>
        stage.instance.last.complete([{ index: 0, datatype: 'INT8', shape: [rows], data: new Uint8Array(rows) }]),
    ],
    [
      'the server gives up',
      async () => {
        stage.instance.endsWhenTerminated = false;
        stage.scheduler.abort(unavailable('the server is shutting down'));
        expect(outputMemory.released).toEqual([]);
        stage.instance.last.complete();
      },
    ],
  ])('comes back once when %s', async (_, end) => {
    const caller = send();
    await stage.turn();
    expect(outputMemory.taken).toHaveLength(1);
    await end(caller);
    await settle();
    expect([caller.settledCount, caller.response]).toEqual([1, null]);
    expect(outputMemory.released).toEqual(outputMemory.taken);
  });

  it('comes back when the engine throws', async () => {
    stage.instance.mode = 'throw';
    const caller = send();
    await stage.turn();
    await settle();
    expect([caller.error?.code, outputMemory.taken.length]).toEqual(['internal', 1]);
    expect(outputMemory.released).toEqual(outputMemory.taken);
  });
});
