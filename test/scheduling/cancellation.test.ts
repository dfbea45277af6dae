import { describe, expect, it } from 'vitest';

import { Cancellation } from '../../src/inference/context.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { Stage } from './stage.ts';

const told = ({ error }: { error: { code: string; message: string } | null }) =>
  error === null ? null : [error.code, error.message];

describe('a caller who leaves', () => {
  it('before the request is scheduled gets nothing queued', async () => {
    const stage = new Stage();
    const cancellation = new Cancellation();
    cancellation.cancel();
    const caller = stage.send([1], {}, { cancellation });
    await stage.turn();
    expect(told(caller)).toEqual(['cancelled', '']);
    expect(stage.observer.failures).toMatchObject([{ reason: 'CANCELED', wasQueued: false }]);
    expect(stage.instance.runs).toHaveLength(0);
  });

  it('while waiting leaves the queue at once and occupies no row', async () => {
    const stage = new Stage();
    const [first, second, third] = stage.sendMany(3);
    second.leave();
    expect(stage.scheduler.waitingCount).toBe(2);
    await stage.turn();
    expect(told(second)).toEqual(['cancelled', '']);
    expect(stage.instance.requestCounts).toEqual([2]);
    await stage.complete();
    expect([first.values, third.values]).toEqual([[0], [2]]);
    expect(stage.observer.failures).toMatchObject([{ reason: 'CANCELED', wasQueued: true }]);
  });

  it('makes room in a full queue', async () => {
    const stage = new Stage({ maxQueuedRequests: 1 });
    stage.send();
    await stage.turn();
    const waiting = stage.send();
    waiting.leave();
    expect(stage.send().isWaiting).toBe(true);
  });

  it('while running counts as cancelled at once, and its sink is called when the batch no longer reads the request', async () => {
    const stage = new Stage();
    const [first, second] = stage.sendMany(2);
    await stage.turn();
    first.leave();
    await stage.turn();
    expect(stage.observer.failureReasons).toEqual(['CANCELED']);
    expect(first.isWaiting).toBe(true);
    expect(stage.instance.last.isTerminated).toBe(false);
    await stage.complete();
    expect(told(first)).toEqual(['cancelled', '']);
    expect(first.settledCount).toBe(1);
    expect(second.values).toEqual([1]);
    expect(stage.observer.batches).toMatchObject([{ requestCount: 2, failed: false }]);
  });

  it('last of all in its batch ends the run', async () => {
    const stage = new Stage();
    const callers = stage.sendMany(2);
    const next = stage.send([7], {}, {});
    await stage.turn();
    const waiting = stage.send([8]);
    for (const caller of [...callers, next]) caller.leave();
    expect(stage.instance.runs[0].isTerminated).toBe(true);
    expect(stage.instance.runs[0].releaseCount).toBe(1);
    expect(stage.observer.batches).toMatchObject([{ failed: true }]);
    expect(stage.observer.failureReasons).toEqual(['CANCELED', 'CANCELED', 'CANCELED']);
    await stage.turn();
    await stage.complete();
    expect(waiting.values).toEqual([8]);
  });

  it('does not free the instance before the engine has really ended', async () => {
    const stubborn = new FakeInstance();
    stubborn.endsWhenTerminated = false;
    const stage = new Stage({ instances: [stubborn] });
    const caller = stage.send();
    await stage.turn();
    stage.send([2]);
    caller.leave();
    await stage.turn();
    expect(stubborn.runs).toHaveLength(1);
    await stage.complete();
    expect(stubborn.runs).toHaveLength(2);
    expect(stubborn.runs[0].releaseCount).toBe(1);
    expect(caller.settledCount).toBe(1);
  });

  it('is no longer listened to after the answer', async () => {
    const cancellation = new Cancellation();
    const trail: (readonly [string, object])[] = [];
    cancellation.add = (listener) => trail.push(['added', listener]);
    cancellation.remove = (listener) => trail.push(['removed', listener]);
    const stage = new Stage({ instances: [new FakeInstance('inline')] });
    stage.send([4], {}, { cancellation });
    await stage.turn();
    expect(trail.map(([what]) => what)).toEqual(['added', 'removed']);
    expect(trail[1][1]).toBe(trail[0][1]);
  });

  it('after the answer changes nothing', async () => {
    const stage = new Stage({ instances: [new FakeInstance('inline')] });
    const caller = stage.send([4]);
    await stage.turn();
    caller.leave();
    await stage.turn();
    expect(caller.values).toEqual([4]);
    expect(caller.settledCount).toBe(1);
    expect(stage.observer.failures).toEqual([]);
  });
});
