import { describe, expect, it } from 'vitest';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';
import { type Compute, FakeInstance } from '../fakes/fake-engine.ts';
import { modelConfig } from '../fakes/make-model.ts';
import { fp32Values } from '../fakes/make-request.ts';
import { settle, Stage } from './stage.ts';

const batching = modelConfig({ maxBatchSize: 2 });

describe('the sinks of a batch', () => {
  it('are called when the next batch has been handed over', async () => {
    const stage = new Stage({ config: batching });
    const runsWhenAnswered: number[] = [];
    stage.onAnswer = () => runsWhenAnswered.push(stage.instance.runs.length);
    stage.sendMany(2);
    await stage.turn();
    stage.sendMany(2);
    await stage.complete();
    expect(runsWhenAnswered).toEqual([2, 2]);
  });

  it('may ask for something new', async () => {
    const stage = new Stage({ config: batching, instances: [new FakeInstance('inline')] });
    let left = 5;
    stage.onAnswer = () => {
      if (left-- > 0) stage.send([left]);
    };
    stage.send([0]);
    for (let turn = 0; turn < 8; turn++) await stage.turn();
    expect(stage.answered.map(({ values }) => values)).toEqual([[0], [4], [3], [2], [1], [0]]);
    expect(stage.scheduler.pendingCount).toBe(0);
  });

  it('are each told although another one throws, which is logged', async () => {
    const stage = new Stage({ config: batching });
    const callers = stage.sendMany(2);
    stage.onAnswer = (caller) => {
      if (caller === callers[0]) throw new Error('no socket');
    };
    await stage.turn();
    await stage.complete();
    expect(callers.map(({ settledCount }) => settledCount)).toEqual([1, 1]);
    expect(stage.errors).toEqual(['an answer could not be taken: the sink of a request threw']);
    expect(stage.scheduler.pendingCount).toBe(0);
  });
});

describe('the sinks of a batch with large outputs', () => {
  const mib = 2 ** 20;
  const wide = modelConfig({ maxBatchSize: 64 });

  /** Each row of the output has that many MiB; its first value is that of the request. */
  const widened =
    (rowMiB: number): Compute =>
    ({ inputs: [{ shape, parts }] }) => {
      const rows = shape[0];
      const data = new Uint8Array(rows * rowMiB * mib);
      for (const [i, part] of parts.entries()) data.set(hostBytes(part).subarray(0, 4), i * rowMiB * mib);
      return [{ index: 0, datatype: 'FP32', shape: [rows, (rowMiB * mib) / 4], data }];
    };

  const stageOf = (rowMiB: number, config = wide) =>
    new Stage({ config, instances: [new FakeInstance('manual', widened(rowMiB))] });

  const told = ({ answered }: Stage): number[] =>
    answered.map(({ response }) => {
      const data = hostBytes(response?.outputs[0]?.data ?? new Uint8Array(4));
      return fp32Values(data.subarray(0, 4))[0];
    });

  it('are called in several turns of the event loop, in order', async () => {
    const stage = stageOf(1);
    stage.sendMany(7);
    await stage.turn();
    await stage.complete();
    const seen = [told(stage).length];
    while (seen.length < 4) {
      await stage.turn();
      seen.push(told(stage).length);
    }
    expect(seen).toEqual([2, 4, 6, 7]);
    expect(told(stage)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(stage.clock.waitingCount, 'nothing is left to do').toBe(0);
  });

  it('are called before those of requests that end meanwhile', async () => {
    const stage = stageOf(1);
    stage.sendMany(5);
    await stage.turn();
    const gone = stage.send([9]);
    await stage.complete();
    gone.leave();
    await settle();
    expect(told(stage).length).toBe(2);
    expect(gone.isWaiting).toBe(true);
    for (let turn = 0; turn < 3; turn++) await stage.turn();
    expect(stage.answered.at(-1)).toBe(gone);
    expect(told(stage).slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
  });

  it('are each told once, whatever they ask for while they are told', async () => {
    const stage = stageOf(1);
    stage.onAnswer = () => {
      if (stage.answered.length <= 6) stage.send([10 + stage.answered.length]);
    };
    stage.sendMany(6);
    for (let step = 0; step < 40 && stage.answered.length < 12; step++) {
      await stage.turn();
      if (stage.instance.running !== null) await stage.complete();
    }
    expect(told(stage)).toEqual([0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16]);
    expect(stage.answered.every(({ settledCount }) => settledCount === 1)).toBe(true);
  });

  it('hold up the next batch while more than 32 MiB wait for their turn', async () => {
    const stage = stageOf(10, modelConfig({ maxBatchSize: 5 }));
    stage.sendMany(15);
    await stage.turn();
    await stage.complete();
    expect([stage.answered.length, stage.instance.runs.length], 'the device does not wait').toEqual([1, 2]);
    await stage.complete();
    for (let turn = 0; turn < 5; turn++) {
      await stage.turn();
      expect(stage.instance.runs.length, 'while 40 MiB and more wait').toBe(2);
    }
    await stage.turn();
    expect([stage.answered.length, stage.instance.runs.length]).toEqual([7, 3]);
    await stage.complete();
    for (let turn = 0; turn < 8; turn++) await stage.turn();
    expect(told(stage)).toEqual(Array.from({ length: 15 }, (_, i) => i));
    expect(stage.instance.runs.every(({ rows }) => rows === 5)).toBe(true);
  });
});
