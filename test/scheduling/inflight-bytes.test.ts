import { describe, expect, it } from 'vitest';

import { internal, unavailable } from '../../src/errors.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { dynamicBatching } from '../fakes/make-model.ts';
import { Stage } from './stage.ts';

describe('bytes in flight', () => {
  it('count from the acceptance of a request to its answer', async () => {
    const stage = new Stage();
    stage.send([1, 2]);
    expect(stage.inflight.total).toBe(8);
    await stage.turn();
    stage.send([3]);
    expect(stage.inflight.total).toBe(12);
    await stage.complete();
    expect(stage.inflight.total).toBe(4);
    await stage.complete();
    expect(stage.inflight.total).toBe(0);
  });

  it('are given back once when a caller leaves, waiting or running', async () => {
    const stage = new Stage();
    const running = stage.send([1]);
    await stage.turn();
    const waiting = stage.send([2]);
    waiting.leave();
    expect(stage.inflight.total).toBe(4);
    running.leave();
    await stage.turn();
    expect(stage.inflight.total).toBe(0);
  });

  it('stay while a failed batch is tried again, and go when its requests have failed', async () => {
    const stage = new Stage();
    stage.sendMany(2);
    await stage.turn();
    stage.instance.last.fail(internal('broken'));
    expect(stage.inflight.total).toBe(8);
    await stage.turn();
    stage.instance.last.fail(internal('broken'));
    stage.instance.last.fail(internal('broken'));
    expect(stage.inflight.total).toBe(0);
  });

  it('stay while an answer is held for the sake of the order', async () => {
    const config = { dynamicBatching: dynamicBatching({ preserveOrdering: true }), maxBatchSize: 1 };
    const stage = new Stage({ config, instances: [new FakeInstance(), new FakeInstance()] });
    stage.sendMany(2);
    await stage.turn();
    const [first, second] = stage.instances;
    second?.last.complete();
    expect(stage.inflight.total).toBe(8);
    first?.last.complete();
    expect(stage.inflight.total).toBe(0);
  });

  it('do not count a request that is refused', () => {
    const stage = new Stage({ maxQueuedRequests: 1 });
    stage.send();
    stage.scheduler.abort(unavailable('Server exiting'));
    stage.send();
    expect(stage.inflight.total).toBe(0);
  });
});
