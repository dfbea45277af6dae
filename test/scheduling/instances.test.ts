import { describe, expect, it } from 'vitest';

import { unavailable } from '../../src/errors.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { Stage, settle } from './stage.ts';

function watched(promise: Promise<void>): { isDone: boolean } {
  const state = { isDone: false };
  promise.then(() => {
    state.isDone = true;
  });
  return state;
}

describe('several instances', () => {
  const pair = () => [new FakeInstance(), new FakeInstance()];

  it('run batches at the same time', async () => {
    const stage = new Stage({ instances: pair() });
    stage.sendMany(10);
    await stage.turn();
    expect(stage.instances.map((instance) => instance.requestCounts)).toEqual([[8], [2]]);
  });

  it('are taken most recently used first, so that one stays warm at low load', async () => {
    const stage = new Stage({ instances: pair() });
    for (let i = 0; i < 3; i++) {
      stage.send();
      await stage.turn();
      await stage.complete();
    }
    expect(stage.instances.map((instance) => instance.runs.length)).toEqual([3, 0]);
  });

  it('do not wait for one that is slow', async () => {
    const stage = new Stage({ instances: pair() });
    const slow = stage.send([1]);
    await stage.turn();
    for (let i = 0; i < 3; i++) {
      const quick = stage.send([2]);
      await stage.turn();
      await stage.complete(stage.instances[1]);
      expect(quick.values).toEqual([2]);
    }
    expect(slow.isWaiting).toBe(true);
  });
});

describe('instances that come and go', () => {
  it('let waiting requests start as soon as one comes', async () => {
    const stage = new Stage({ instances: [] });
    const caller = stage.send([6]);
    await stage.advance(50);
    expect(caller.isWaiting).toBe(true);
    stage.scheduler.addInstance(new FakeInstance('inline'));
    await settle();
    expect(caller.values).toEqual([6]);
  });

  it('retire at once when they are idle, and get nothing more', async () => {
    const stage = new Stage({ instances: [new FakeInstance(), new FakeInstance()] });
    await stage.scheduler.retireInstance(stage.instances[0]);
    stage.send();
    await stage.turn();
    expect(stage.instances.map((instance) => instance.runs.length)).toEqual([0, 1]);
  });

  it('retire after their current batch, whose requests are answered', async () => {
    const stage = new Stage();
    const running = stage.send([1]);
    await stage.turn();
    const waiting = stage.send([2]);
    const retired = watched(stage.scheduler.retireInstance(stage.instance));
    const twice = watched(stage.scheduler.retireInstance(stage.instance));
    await settle();
    expect(retired.isDone).toBe(false);
    await stage.complete();
    expect([retired.isDone, twice.isDone]).toEqual([true, true]);
    expect(running.values).toEqual([1]);
    expect(stage.instance.runs).toHaveLength(1);
    stage.scheduler.addInstance(new FakeInstance('inline'));
    await settle();
    expect(waiting.values).toEqual([2]);
  });

  it('may be asked to retire though they are unknown', async () => {
    const stage = new Stage();
    await expect(stage.scheduler.retireInstance(new FakeInstance())).resolves.toBeUndefined();
  });
});

describe('draining', () => {
  it('finishes accepted requests, refuses new ones, and resolves when none is left', async () => {
    const stage = new Stage();
    const callers = stage.sendMany(10);
    await stage.turn();
    const drained = watched(stage.scheduler.drain());
    const late = stage.send();
    await settle();
    expect(late.error?.code).toBe('unavailable');
    expect(late.error?.message).toContain('has stopped accepting new inference requests');
    expect(stage.observer.failures).toMatchObject([{ reason: 'OTHER', wasQueued: false }]);
    await stage.complete();
    expect(drained.isDone).toBe(false);
    await stage.complete();
    expect(drained.isDone).toBe(true);
    expect(callers.map((caller) => caller.values[0])).toEqual(Array.from({ length: 10 }, (_, i) => i));
    expect(stage.clock.waitingCount).toBe(0);
  });

  it('of an idle scheduler is over at once, as often as it is asked', async () => {
    const stage = new Stage();
    await stage.scheduler.drain();
    await stage.scheduler.drain();
    expect(stage.scheduler.pendingCount).toBe(0);
  });

  it('waits for the engine although every caller has left', async () => {
    const stubborn = new FakeInstance();
    stubborn.endsWhenTerminated = false;
    const stage = new Stage({ instances: [stubborn] });
    const caller = stage.send();
    await stage.turn();
    caller.leave();
    const drained = watched(stage.scheduler.drain());
    await settle();
    expect(drained.isDone).toBe(false);
    await stage.complete();
    expect(drained.isDone).toBe(true);
  });

  it('sends waiting requests of a delayed batch when their delay is over', async () => {
    const stage = new Stage({ instances: [new FakeInstance('inline')] });
    const caller = stage.send([3]);
    const drained = watched(stage.scheduler.drain());
    await stage.turn();
    expect(caller.values).toEqual([3]);
    expect(drained.isDone).toBe(true);
  });
});

describe('giving up', () => {
  it('leaves instances alone that run nothing', async () => {
    const stage = new Stage({ instances: [new FakeInstance(), new FakeInstance()] });
    stage.send();
    await stage.turn();
    await stage.complete();
    stage.scheduler.abort(unavailable('over'));
    expect(stage.instances.map((instance) => instance.terminateCount)).toEqual([0, 0]);
  });

  it('fails all requests at once with the given error and cancels running batches', async () => {
    const stage = new Stage({ instances: [new FakeInstance(), new FakeInstance()] });
    const callers = stage.sendMany(20);
    await stage.turn();
    const drained = watched(stage.scheduler.drain());
    stage.scheduler.abort(unavailable('Exit timeout expired. Exiting immediately.'));
    await settle();
    expect(callers.every((caller) => caller.error?.message === 'Exit timeout expired. Exiting immediately.')).toBe(
      true,
    );
    expect(callers.every((caller) => caller.settledCount === 1)).toBe(true);
    expect(stage.instances.map((instance) => instance.last.isTerminated)).toEqual([true, true]);
    expect(stage.instances.map((instance) => instance.last.releaseCount)).toEqual([1, 1]);
    expect(new Set(stage.observer.failureReasons)).toEqual(new Set(['OTHER']));
    expect(drained.isDone).toBe(true);
    expect(stage.clock.waitingCount).toBe(0);
  });
});
