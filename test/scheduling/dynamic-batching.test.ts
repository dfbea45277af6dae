import { describe, expect, it } from 'vitest';

import { FakeInstance, identity } from '../fakes/fake-engine.ts';
import { dynamicBatching, inputConfig, outputConfig } from '../fakes/make-model.ts';
import { fp32, fp32Values } from '../fakes/make-request.ts';
import { Stage } from './stage.ts';

const inline = (): FakeInstance => new FakeInstance('inline');

describe('requests of one turn of the event loop', () => {
  it('share a batch on an idle instance', async () => {
    const stage = new Stage();
    const callers = stage.sendMany(5);
    expect(stage.instance.runs).toHaveLength(0);
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([5]);
    await stage.complete();
    expect(callers.map((caller) => caller.values)).toEqual([[0], [1], [2], [3], [4]]);
    expect(stage.observer.closeReasons).toEqual(['idle_instance']);
  });

  it('start at once when they fill the batch', () => {
    const stage = new Stage();
    stage.sendMany(9);
    expect(stage.instance.requestCounts).toEqual([8]);
    expect(stage.scheduler.waitingCount).toBe(1);
  });

  it('are answered in the same turn by an engine that runs inline', async () => {
    const stage = new Stage({ instances: [inline()] });
    const callers = stage.sendMany(20);
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([8, 8, 4]);
    expect(callers.map((caller) => caller.values[0])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(stage.scheduler.pendingCount).toBe(0);
  });

  it('may be very many: they are run and answered in order, without a call stack that grows with them', async () => {
    const stage = new Stage({
      config: { dynamicBatching: null },
      instances: [inline()],
      maxQueuedRequests: 20_000,
    });
    const callers = stage.sendMany(20_000);
    await stage.turn();
    expect(stage.answered).toEqual(callers);
    expect(stage.instance.runs).toHaveLength(20_000);
  });

  it('of different shapes are run apart, in order', async () => {
    const config = {
      inputs: [inputConfig('INPUT', 'FP32', [-1])],
      outputs: [outputConfig('OUTPUT', 'FP32', [-1])],
    };
    const stage = new Stage({ config, instances: [inline()] });
    const send = (values: readonly number[]) =>
      stage.sendRequest({ inputs: [fp32('INPUT', [1, values.length], values)] });
    const callers = [send([1]), send([2]), send([3, 4]), send([5])];
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([2, 1, 1]);
    expect(callers.map((caller) => caller.values)).toEqual([[1], [2], [3, 4], [5]]);
    expect(stage.observer.closeReasons).toEqual(['shape', 'shape', 'idle_instance']);
  });
});

describe('a busy instance', () => {
  it('lets requests pile up and takes them together when it is free', async () => {
    const stage = new Stage();
    stage.send();
    await stage.turn();
    stage.sendMany(3);
    await stage.turn();
    stage.sendMany(2);
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([1]);
    expect(stage.scheduler.waitingCount).toBe(5);
    await stage.complete();
    expect(stage.instance.requestCounts).toEqual([1, 5]);
  });

  it('starts the next batch before the answers of the last one are out', async () => {
    const stage = new Stage();
    const first = stage.send();
    await stage.turn();
    stage.send();
    stage.instance.last.complete();
    expect(stage.instance.runs).toHaveLength(2);
    expect(first.isWaiting).toBe(true);
  });

  it('never gets a second batch', async () => {
    const stage = new Stage();
    stage.sendMany(30);
    await stage.turn();
    await stage.advance(1000);
    expect(stage.instance.requestCounts).toEqual([8]);
  });
});

describe('a configured delay', () => {
  const config = { dynamicBatching: dynamicBatching({ preferredBatchSizes: [4, 8], maxQueueDelayUs: 100_000 }) };

  it('example A: four leave at once when the fourth comes', async () => {
    const stage = new Stage({ config });
    stage.sendMany(3);
    await stage.advance(40);
    expect(stage.instance.runs).toHaveLength(0);
    stage.send();
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([4]);
    expect(stage.observer.batches).toHaveLength(0);
    await stage.complete();
    expect(stage.observer.closeReasons).toEqual(['preferred']);
  });

  it('example A: three leave together after the delay of the first', async () => {
    const stage = new Stage({ config });
    stage.send();
    await stage.advance(60);
    stage.sendMany(2);
    await stage.advance(39.9);
    expect(stage.instance.runs).toHaveLength(0);
    await stage.advance(0.2);
    expect(stage.instance.requestCounts).toEqual([3]);
    await stage.complete();
    expect(stage.observer.closeReasons).toEqual(['delay']);
  });

  it('example A: of six, four leave at once and two wait for their own delay', async () => {
    const stage = new Stage({ config, instances: [new FakeInstance(), new FakeInstance()] });
    stage.sendMany(6);
    await stage.turn();
    expect(stage.instances.map((instance) => instance.requestCounts)).toEqual([[4], []]);
    await stage.advance(99.9);
    expect(stage.instances[1].requestCounts).toEqual([]);
    await stage.advance(0.2);
    expect(stage.instances[1].requestCounts).toEqual([2]);
  });

  it('of a fraction of a millisecond is met to a fraction', async () => {
    const stage = new Stage({ config: { dynamicBatching: dynamicBatching({ maxQueueDelayUs: 300 }) } });
    stage.send();
    await stage.advance(0.29);
    expect(stage.instance.runs).toHaveLength(0);
    await stage.advance(0.1);
    expect(stage.instance.requestCounts).toEqual([1]);
  });

  it('leaves no timer behind when nothing waits', async () => {
    const stage = new Stage({ config });
    stage.sendMany(3);
    await stage.turn();
    expect(stage.clock.waitingCount).toBe(1);
    stage.send();
    await stage.turn();
    expect(stage.clock.waitingCount).toBe(0);
  });

  it('example C: without a delay, three rows leave alone when two more would pass the preferred four', async () => {
    const stage = new Stage({
      config: { dynamicBatching: dynamicBatching({ preferredBatchSizes: [4] }) },
      instances: [inline()],
    });
    stage.send([1, 2, 3]);
    stage.send([4, 5]);
    await stage.turn();
    expect(stage.instance.runs.map((run) => run.rows)).toEqual([3, 2]);
  });
});

describe('a model without a dynamic_batching block', () => {
  it('runs one request at a time, each with its own rows, in order of arrival', async () => {
    const stage = new Stage({ config: { dynamicBatching: null } });
    const callers = [stage.send([1, 2]), stage.send([3]), stage.send([4, 5, 6])];
    await stage.turn();
    for (let i = 0; i < 3; i++) {
      expect(stage.instance.runs).toHaveLength(i + 1);
      await stage.complete();
    }
    expect(stage.instance.runs.map((run) => run.rows)).toEqual([2, 1, 3]);
    expect(callers.map((caller) => caller.values)).toEqual([[1, 2], [3], [4, 5, 6]]);
  });

  it('uses all its instances', async () => {
    const stage = new Stage({ config: { dynamicBatching: null }, instances: [new FakeInstance(), new FakeInstance()] });
    stage.sendMany(3);
    await stage.turn();
    expect(stage.instances.map((instance) => instance.runs.length)).toEqual([1, 1]);
  });
});

describe('a model without a batch dimension', () => {
  it('runs one request at a time, even with a dynamic_batching block, and answers with the full shape', async () => {
    const config = {
      maxBatchSize: 0,
      inputs: [inputConfig('INPUT', 'FP32', [-1])],
      outputs: [outputConfig('OUTPUT', 'FP32', [-1])],
    };
    const stage = new Stage({ config, instances: [inline()] });
    const callers = [[1, 2], [3]].map((values) =>
      stage.sendRequest({ inputs: [fp32('INPUT', [values.length], values)] }),
    );
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([1, 1]);
    expect(callers[0].response?.outputs[0]).toMatchObject({ name: 'OUTPUT', shape: [2] });
    expect(callers[0].response?.isBatched).toBe(false);
    expect(callers[1].values).toEqual([3]);
  });
});

describe('the batch for the engine', () => {
  it('names each input once, with the parts in order and the rows added up', async () => {
    const stage = new Stage();
    stage.send([1, 2]);
    stage.send([3]);
    await stage.turn();
    const { batch } = stage.instance.last;
    expect(batch.inputs).toHaveLength(1);
    expect(batch.inputs[0]).toMatchObject({ index: 0, shape: [3, 1] });
    expect(batch.inputs[0].parts.map(fp32Values)).toEqual([[1, 2], [3]]);
    expect(batch.outputs).toEqual([0]);
  });

  const two = {
    inputs: [inputConfig('A', 'FP32', [1]), inputConfig('B', 'FP32', [1])],
    outputs: [outputConfig('Y', 'FP32', [1]), outputConfig('Z', 'FP32', [1])],
  };
  const send = (stage: Stage, ...names: string[]) =>
    stage.sendRequest({
      inputs: [fp32('A', [1, 1], [1]), fp32('B', [1, 1], [2])],
      outputs: names.map((name) => ({ name, classificationCount: 0 })),
    });

  it('asks only for outputs that a request of the batch wants', async () => {
    const stage = new Stage({ config: two, instances: [inline()] });
    const only = send(stage, 'Z');
    await stage.turn();
    expect(stage.instance.last.batch.outputs).toEqual([1]);
    expect(only.response?.outputs.map((output) => output.name)).toEqual(['Z']);
    const mixed = [send(stage, 'Z'), send(stage, 'Y')];
    await stage.turn();
    expect([...stage.instance.last.batch.outputs].sort()).toEqual([0, 1]);
    expect(mixed.map((caller) => caller.response?.outputs.map((output) => output.name))).toEqual([['Z'], ['Y']]);
    expect(mixed.map((caller) => caller.values)).toEqual([[2], [1]]);
  });

  it('concatenates ragged inputs by elements', async () => {
    const config = {
      inputs: [inputConfig('INPUT', 'FP32', [-1], { allowRaggedBatch: true })],
      outputs: [outputConfig('OUTPUT', 'FP32', [1])],
    };
    const rows = new FakeInstance('inline', () => [
      { index: 0, datatype: 'FP32', shape: [2, 1], data: new Uint8Array(8) },
    ]);
    const stage = new Stage({ config, instances: [rows] });
    stage.sendRequest({ inputs: [fp32('INPUT', [1, 2], [1, 2])] });
    stage.sendRequest({ inputs: [fp32('INPUT', [1, 3], [3, 4, 5])] });
    await stage.turn();
    expect(rows.last.batch.inputs[0].shape).toEqual([5]);
    expect(stage.observer.batches).toMatchObject([{ rows: 2, requestCount: 2, failed: false }]);
  });
});

describe('the facts of a batch', () => {
  it('charge each request with its time in the queue and the whole durations of the batch', async () => {
    const stage = new Stage({ instances: [new FakeInstance('manual', identity())] });
    stage.send([1, 2]);
    await stage.advance(0.5);
    stage.send([3]);
    stage.send([4]);
    await stage.advance(2);
    await stage.complete();
    await stage.advance(1);
    await stage.complete();
    const durations = { computeInputNs: 100, computeInferNs: 200, computeOutputNs: 300 };
    expect(stage.observer.queuedCount).toBe(3);
    expect(stage.observer.successes).toEqual([
      { totalNs: 2_500_000, queueNs: 0, batch: durations, rows: 2 },
      { totalNs: 3_000_000, queueNs: 2_000_000, batch: durations, rows: 1 },
      { totalNs: 3_000_000, queueNs: 2_000_000, batch: durations, rows: 1 },
    ]);
    expect(stage.observer.batches).toEqual([
      { rows: 2, requestCount: 1, closedBy: 'idle_instance', batch: durations, failed: false },
      { rows: 2, requestCount: 2, closedBy: 'idle_instance', batch: durations, failed: false },
    ]);
    expect(stage.observer.failures).toEqual([]);
  });
});
