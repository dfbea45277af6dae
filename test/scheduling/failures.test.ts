import { describe, expect, it } from 'vitest';

import { cancelled, InferenceError, internal, resourceExhausted } from '../../src/errors.ts';
import { type Compute, FakeInstance, identity } from '../fakes/fake-engine.ts';
import { dynamicBatching, inputConfig, outputConfig } from '../fakes/make-model.ts';
import { fp32, fp32Values } from '../fakes/make-request.ts';
import { Stage } from './stage.ts';

/** Fails every batch in which a value is negative. */
const refusesNegatives: Compute = (batch) => {
  const hasNegative = batch.inputs[0].parts.some((part) => fp32Values(part).some((value) => value < 0));
  if (hasNegative) throw internal('the model failed');
  return identity()(batch);
};

/** Can only run one row. */
const oneRowOnly: Compute = (batch) => {
  if (batch.inputs[0].shape[0] !== 1) throw internal('cannot reshape');
  return identity()(batch);
};

const inline = (compute: Compute): FakeInstance => new FakeInstance('inline', compute);

describe('a batch that the engine fails', () => {
  it('is tried again request by request, so that only the culprit fails', async () => {
    const stage = new Stage({ instances: [inline(refusesNegatives)] });
    const callers = [1, -2, 3].map((value) => stage.send([value]));
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([3, 1, 1, 1]);
    expect(callers.map((caller) => caller.error?.message ?? caller.values[0])).toEqual([1, 'the model failed', 3]);
    expect(stage.observer.failures).toMatchObject([{ reason: 'BACKEND', wasQueued: true }]);
    expect(stage.observer.successes).toHaveLength(2);
    expect(stage.observer.batches.map((batch) => batch.failed)).toEqual([true, false, true, false]);
    expect(stage.instance.runs.every((run) => run.releaseCount <= 1)).toBe(true);
  });

  it('is tried again before all that wait, and only once', async () => {
    const stage = new Stage({ instances: [new FakeInstance('manual', refusesNegatives)] });
    const culprits = [stage.send([-1]), stage.send([-2])];
    await stage.turn();
    const later = stage.send([5]);
    for (let i = 0; i < 4; i++) await stage.complete();
    const started = stage.instance.runs.map((run) => run.batch.inputs[0].parts.flatMap(fp32Values));
    expect(started).toEqual([[-1, -2], [-1], [-2], [5]]);
    expect(culprits.map((caller) => [caller.settledCount, caller.error?.code])).toEqual([
      [1, 'internal'],
      [1, 'internal'],
    ]);
    expect(later.values).toEqual([5]);
  });

  it.each([
    ['resource_exhausted', resourceExhausted('out of memory'), 'BACKEND'],
    ['cancelled', cancelled(''), 'CANCELED'],
  ])('with %s is not tried again: it says nothing of a request', async (code, error, reason) => {
    const stage = new Stage();
    const callers = stage.sendMany(2);
    await stage.turn();
    stage.instance.last.fail(error);
    await stage.turn();
    expect(callers.map((caller) => caller.error?.code)).toEqual([code, code]);
    expect(stage.observer.failureReasons).toEqual([reason, reason]);
    expect(stage.instance.runs).toHaveLength(1);
  });

  it('is one line of the log for each request that its model failed: model, request and reason', async () => {
    const stage = new Stage({ instances: [inline(refusesNegatives)] });
    stage.send([1], { id: 'good' });
    stage.send([-2], { id: 'culprit' });
    await stage.turn();
    expect(stage.errors).toEqual(['The model failed a request: the model failed']);
    expect(stage.errorFields).toEqual([{ model: 'm', version: '1', requestId: 'culprit' }]);
    const left = stage.send([-3]);
    left.leave();
    await stage.turn();
    expect(stage.errors).toHaveLength(1);
  });

  it('is not tried again when its run had effects', async () => {
    const stage = new Stage();
    const callers = stage.sendMany(2);
    await stage.turn();
    const { last } = stage.instance;
    Object.assign(last.batch, { hasEffects: true });
    last.fail(internal('it broke'));
    await stage.turn();
    expect(callers.map((caller) => caller.error?.message)).toEqual(['it broke', 'it broke']);
    expect(stage.instance.runs).toHaveLength(1);
  });

  it('does not try a request again whose caller left or whose deadline passed meanwhile', async () => {
    const stage = new Stage({ instances: [new FakeInstance('manual', refusesNegatives)] });
    const left = stage.send([1]);
    const late = stage.send([2], {}, { deadlineMs: stage.clock.now() + 5 });
    const culprit = stage.send([-3]);
    await stage.turn();
    left.leave();
    await stage.advance(6);
    await stage.complete();
    await stage.complete();
    expect(stage.instance.requestCounts).toEqual([3, 1]);
    expect([left, late, culprit].map((caller) => caller.error?.code)).toEqual([
      'cancelled',
      'deadline_exceeded',
      'internal',
    ]);
  });

  it('tries a request again whose time in the queue would be over, since it had left the queue in time', async () => {
    const stage = new Stage({ instances: [new FakeInstance('manual', refusesNegatives)] });
    const [good] = [stage.send([1], { timeoutUs: 5_000 }), stage.send([-2])];
    await stage.turn();
    await stage.advance(20);
    await stage.complete();
    await stage.complete();
    expect(good.values).toEqual([1]);
  });

  it('may lose a caller while it waits for its second try', async () => {
    const stage = new Stage({ instances: [new FakeInstance('manual', refusesNegatives)] });
    const [, second] = [stage.send([-1]), stage.send([2])];
    await stage.turn();
    await stage.complete();
    second.leave();
    await stage.complete();
    expect(stage.instance.requestCounts).toEqual([2, 1]);
    expect(stage.scheduler.pendingCount).toBe(0);
  });
});

describe('a model that cannot batch', () => {
  it('is found out after a few batches, and runs one request at a time from then on', async () => {
    const stage = new Stage({ instances: [inline(oneRowOnly)] });
    for (let i = 0; i < 6; i++) {
      const callers = stage.sendMany(3);
      await stage.turn();
      expect(callers.map((caller) => caller.values[0])).toEqual([0, 1, 2]);
    }
    const multiple = stage.instance.requestCounts.filter((count) => count > 1).length;
    expect(multiple).toBe(4);
    expect(stage.warnings).toHaveLength(1);
  });

  it('is not suspected where a culprit was found', async () => {
    const stage = new Stage({ instances: [inline(refusesNegatives)] });
    for (let i = 0; i < 12; i++) {
      stage.send([1]);
      stage.send([-1]);
      await stage.turn();
    }
    expect(stage.warnings).toEqual([]);
    stage.sendMany(3);
    await stage.turn();
    expect(stage.instance.last.requestCount).toBe(3);
  });

  it('shows it by outputs that do not follow the batch dimension; each answer is what the model gives alone', async () => {
    const total: Compute = (batch) => {
      const values = batch.inputs[0].parts.flatMap(fp32Values);
      const sum = values.reduce((a, b) => a + b, 0);
      return [{ index: 0, datatype: 'FP32', shape: [1, 1], data: new Uint8Array(new Float32Array([sum]).buffer) }];
    };
    const stage = new Stage({ instances: [inline(total)] });
    const callers = [stage.send([1, 2]), stage.send([3, 4, 5])];
    await stage.turn();
    expect(callers.map((caller) => caller.values)).toEqual([[3], [12]]);
    expect(stage.warnings).toHaveLength(1);
    stage.sendMany(2);
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([2, 1, 1, 1, 1]);
  });
});

describe('an engine that breaks its word', () => {
  it('by throwing fails the request and stays in use', async () => {
    const stage = new Stage({ instances: [new FakeInstance('throw')] });
    const caller = stage.send();
    await stage.turn();
    expect([caller.error?.code, caller.error?.message]).toEqual(['internal', 'the engine threw']);
    stage.instance.mode = 'inline';
    const next = stage.send([3]);
    await stage.turn();
    expect(next.values).toEqual([3]);
  });

  it('by returning too few outputs or another datatype fails the request', async () => {
    const stage = new Stage();
    for (const outputs of [[], [{ index: 0, datatype: 'INT32' as const, shape: [1, 1], data: new Uint8Array(4) }]]) {
      const caller = stage.send();
      await stage.turn();
      stage.instance.last.complete(outputs);
      await stage.turn();
      expect(caller.error).toBeInstanceOf(InferenceError);
      expect(caller.error?.code).toBe('internal');
      expect(stage.instance.last.releaseCount).toBe(1);
    }
  });

  it('does not do so by making another shape than the configuration says: the caller has it as it is', async () => {
    const config = { outputs: [outputConfig('OUTPUT', 'FP32', [4], { reshape: [2, 2] })] };
    const stage = new Stage({ config });
    const caller = stage.send();
    await stage.turn();
    stage.instance.last.complete([{ index: 0, datatype: 'FP32', shape: [1, 3], data: new Uint8Array(12) }]);
    await stage.turn();
    expect(caller.response?.outputs[0]?.shape).toEqual([1, 3]);
  });

  it('by ending a batch twice answers once', async () => {
    const stage = new Stage();
    const caller = stage.send([1]);
    await stage.turn();
    const run = stage.instance.last;
    run.complete();
    run.complete();
    await stage.turn();
    expect(caller.settledCount).toBe(1);
    expect(stage.observer.batches).toHaveLength(1);
  });
});

describe('the slabs of a batch', () => {
  it('go back with the last release, once, however often a response is released', async () => {
    const stage = new Stage();
    const callers = stage.sendMany(3);
    await stage.turn();
    await stage.complete();
    const run = stage.instance.last;
    callers[0].response?.release();
    callers[0].response?.release();
    callers[1].response?.release();
    expect(run.releaseCount).toBe(0);
    callers[2].response?.release();
    expect(run.releaseCount).toBe(1);
    callers[2].response?.release();
    expect(run.releaseCount).toBe(1);
  });

  it('do not wait for callers who have left', async () => {
    const stage = new Stage();
    const [first, second] = stage.sendMany(2);
    await stage.turn();
    first.leave();
    await stage.complete();
    second.response?.release();
    expect(stage.instance.last.releaseCount).toBe(1);
  });

  it('go back at once after an error', async () => {
    const stage = new Stage();
    stage.send();
    await stage.turn();
    stage.instance.last.fail(internal('no'));
    expect(stage.instance.last.releaseCount).toBe(1);
  });
});

describe('requests that a delay keeps together', () => {
  it('do not delay their second try', async () => {
    const config = {
      dynamicBatching: dynamicBatching({ maxQueueDelayUs: 50_000 }),
      inputs: [inputConfig('INPUT', 'FP32', [1])],
    };
    const stage = new Stage({ config, instances: [inline(refusesNegatives)] });
    const callers = [stage.sendRequest({ inputs: [fp32('INPUT', [1, 1], [1])] }), stage.send([-1])];
    await stage.advance(50.1);
    expect(callers.map((caller) => caller.settledCount)).toEqual([1, 1]);
  });
});

describe('a model that was seen to answer with other rows than it was given', () => {
  it('runs each request alone from the first on, and the log says why', async () => {
    const stage = new Stage({ batchFault: internal('its output has two rows') });
    const callers = stage.sendMany(3);
    for (let i = 0; i < 3; i++) {
      await stage.turn();
      await stage.complete();
    }
    expect(stage.instance.runs.map(({ rows }) => rows)).toEqual([1, 1, 1]);
    expect(callers.map(({ error }) => error)).toEqual([null, null, null]);
    expect(stage.warnings).toEqual([expect.stringContaining('cannot run several requests as one batch')]);
  });
});
