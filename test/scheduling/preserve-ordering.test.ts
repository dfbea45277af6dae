import { describe, expect, it } from 'vitest';

import { unavailable } from '../../src/errors.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { dynamicBatching } from '../fakes/make-model.ts';
import { Stage } from './stage.ts';

const ordered = (preserveOrdering = true): Stage =>
  new Stage({
    config: { dynamicBatching: dynamicBatching({ preserveOrdering, preferredBatchSizes: [1] }) },
    instances: [new FakeInstance(), new FakeInstance()],
  });

const answeredValues = (stage: Stage): (number | string)[] =>
  stage.answered.map((caller) => caller.error?.code ?? caller.values[0]);

describe('preserve_ordering', () => {
  it('holds the answers of a later batch until those of an earlier one are out', async () => {
    const stage = ordered();
    stage.send([1]);
    stage.send([2]);
    await stage.turn();
    await stage.complete(stage.instances[1]);
    expect(answeredValues(stage)).toEqual([]);
    expect(stage.scheduler.pendingCount).toBe(2);
    await stage.complete(stage.instances[0]);
    expect(answeredValues(stage)).toEqual([1, 2]);
  });

  it('is off by default: answers come as batches end', async () => {
    const stage = ordered(false);
    stage.send([1]);
    stage.send([2]);
    await stage.turn();
    await stage.complete(stage.instances[1]);
    await stage.complete(stage.instances[0]);
    expect(answeredValues(stage)).toEqual([2, 1]);
  });

  it('holds refusals too', async () => {
    const stage = ordered();
    stage.send([1]);
    stage.send([2]);
    await stage.turn();
    stage.send([3], { timeoutUs: 1_000 });
    await stage.advance(5);
    expect(answeredValues(stage)).toEqual([]);
    await stage.complete(stage.instances[1]);
    await stage.complete(stage.instances[0]);
    expect(answeredValues(stage)).toEqual([1, 2, 'unavailable']);
  });

  it('does not wait for callers who left', async () => {
    const stage = ordered();
    const first = stage.send([1]);
    stage.send([2]);
    await stage.turn();
    await stage.complete(stage.instances[1]);
    first.leave();
    await stage.turn();
    // Who has left is told when the engine has ended the batch, which reads the request until then.
    expect(answeredValues(stage)).toEqual([2, 'cancelled']);
  });

  it('gives the slabs of a held answer back when its caller leaves', async () => {
    const stage = ordered();
    stage.send([1]);
    const second = stage.send([2]);
    const third = stage.send([3]);
    await stage.turn();
    await stage.complete(stage.instances[1]);
    second.leave();
    expect(stage.instances[1].runs[0].releaseCount).toBe(1);
    await stage.complete(stage.instances[1]);
    await stage.complete(stage.instances[0]);
    expect(answeredValues(stage)).toEqual(['cancelled', 1, 3]);
    expect(third.settledCount).toBe(1);
  });

  it('fails held answers when the server gives up', async () => {
    const stage = ordered();
    stage.send([1]);
    stage.send([2]);
    await stage.turn();
    await stage.complete(stage.instances[1]);
    stage.scheduler.abort(unavailable('Exit timeout expired'));
    await stage.turn();
    expect(answeredValues(stage)).toEqual(['unavailable', 'unavailable']);
    expect(stage.instances[1].runs[0].releaseCount).toBe(1);
    expect(stage.scheduler.pendingCount).toBe(0);
  });
});
