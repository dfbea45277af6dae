import { describe, expect, it } from 'vitest';

import { internal, unavailable } from '../../src/errors.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { Stage, type StageOptions, settle } from './stage.ts';

/** Rows of a full batch on the stage. */
const full = 8;

function prefetching(): FakeInstance {
  const instance = new FakeInstance();
  instance.canPrefetch = true;
  return instance;
}

/** A stage whose model has run once, so that it is known how long a run takes, and runs a batch of one now. */
async function busyStage(options: StageOptions = {}): Promise<Stage> {
  const stage = new Stage({ instances: [prefetching()], ...options });
  stage.send();
  await stage.turn();
  await stage.complete();
  stage.send();
  await stage.turn();
  return stage;
}

const counts = (stage: Stage): number[] => stage.instance.runs.slice(1).map((run) => run.requestCount);

describe('a prefetched batch', () => {
  it('is handed over while the other runs, and runs without waiting for the event loop', async () => {
    const stage = await busyStage();
    const callers = stage.sendMany(full);
    await stage.turn();
    expect(counts(stage)).toEqual([1, full]);
    stage.instance.running?.complete();
    expect(stage.instance.running?.requestCount).toBe(full);
    stage.instance.running?.complete();
    await settle();
    expect(callers.map(({ values }) => values)).toEqual(callers.map((_, i) => [i]));
  });

  it('is at most one: later requests wait in the queue, where others can join them', async () => {
    const stage = await busyStage();
    stage.sendMany(full * 3);
    await stage.turn();
    expect(counts(stage)).toEqual([1, full]);
    expect(stage.scheduler.waitingCount).toBe(full * 2);
    stage.instance.running?.complete();
    expect(counts(stage)).toEqual([1, full, full]);
  });

  it('has to be full: fewer requests wait for company', async () => {
    const stage = await busyStage();
    stage.sendMany(full - 1);
    await stage.turn();
    expect(counts(stage)).toEqual([1]);
    stage.send();
    await settle();
    expect(counts(stage)).toEqual([1, full]);
  });

  it('is not formed for an engine that takes one batch at a time', async () => {
    const stage = await busyStage({ instances: [new FakeInstance()] });
    stage.sendMany(full);
    await stage.turn();
    expect(counts(stage)).toEqual([1]);
  });

  it('is not formed before it is known how long a run takes', async () => {
    const stage = new Stage({ instances: [prefetching()] });
    stage.send();
    await stage.turn();
    stage.sendMany(full);
    await stage.turn();
    expect(stage.instance.runs).toHaveLength(1);
  });

  it('is not formed of requests that could expire there', async () => {
    const stage = await busyStage();
    const [first] = Array.from({ length: full }, () => stage.send([1], {}, { deadlineMs: stage.clock.now() + 0.001 }));
    await stage.turn();
    expect(counts(stage)).toEqual([1]);
    await stage.advance(1);
    expect(first?.error?.code).toBe('deadline_exceeded');
  });

  it('is formed of requests whose deadlines are far', async () => {
    const stage = await busyStage();
    for (let i = 0; i < full; i++) stage.send([1], {}, { deadlineMs: stage.clock.now() + 1000 });
    await stage.turn();
    expect(counts(stage)).toEqual([1, full]);
  });

  it('goes to the instance that began first', async () => {
    const pair = [prefetching(), prefetching()];
    const stage = new Stage({ instances: pair });
    stage.send();
    await stage.turn();
    await stage.complete(pair.find(({ running }) => running !== null));
    stage.sendMany(full);
    await stage.turn();
    const firstBusy = pair.find(({ running }) => running !== null);
    await stage.advance(1);
    stage.sendMany(full);
    await stage.turn();
    stage.sendMany(full);
    await stage.turn();
    expect(firstBusy?.waiting?.requestCount).toBe(full);
  });

  it('counts as queued until it runs', async () => {
    const stage = await busyStage();
    const [caller] = stage.sendMany(full);
    await stage.turn();
    await stage.advance(7);
    stage.instance.running?.complete();
    stage.instance.running?.complete();
    await settle();
    expect(caller?.isWaiting).toBe(false);
    expect(stage.observer.successes.at(-1)?.queueNs).toBe(7e6);
  });
});

describe('callers of a prefetched batch', () => {
  it('may leave, and if all have the batch is ended without being run', async () => {
    const stage = await busyStage();
    const callers = stage.sendMany(full);
    await stage.turn();
    for (const caller of callers) caller.leave();
    await settle();
    expect(stage.observer.failureReasons).toEqual(new Array(full).fill('CANCELED'));
    expect(callers.every(({ isWaiting }) => isWaiting)).toBe(true);
    expect(stage.instance.waiting?.isTerminated).toBe(true);
    expect(stage.instance.running?.isTerminated).toBe(false);
    stage.instance.running?.complete();
    expect(stage.instance.running).toBeNull();
    await settle();
    expect(callers.every(({ error }) => error?.code === 'cancelled')).toBe(true);
  });

  it('are not harmed when callers of the other batch leave, whatever the engine does meanwhile', async () => {
    for (const hasEnded of [false, true]) {
      const instance = prefetching();
      instance.lags = true;
      const stage = new Stage({ instances: [instance] });
      stage.send();
      await stage.turn();
      instance.running?.complete();
      instance.drain();
      const leaving = stage.send();
      await stage.turn();
      const staying = stage.sendMany(full);
      await stage.turn();
      // The engine has gone on to the second batch, and this thread has not heard of it.
      if (hasEnded) instance.running?.complete();
      leaving.leave();
      expect(instance.runs.map(({ isTerminated }) => isTerminated)).toEqual([false, !hasEnded, false]);
      instance.drain();
      instance.running?.complete();
      instance.drain();
      await settle();
      expect(staying.map(({ values }) => values)).toEqual(staying.map((_, i) => [i]));
    }
  });

  it('are not harmed by the failure of the running one', async () => {
    const stage = await busyStage();
    const callers = stage.sendMany(full);
    await stage.turn();
    stage.instance.running?.fail(internal('it broke'));
    stage.instance.running?.complete();
    await settle();
    expect(callers.every(({ response }) => response !== null)).toBe(true);
  });

  it('fail at once when the version is aborted', async () => {
    const stage = await busyStage();
    const callers = stage.sendMany(full);
    await stage.turn();
    stage.scheduler.abort(unavailable('given up'));
    await settle();
    expect(callers.every(({ error }) => error?.message === 'given up')).toBe(true);
    expect(stage.instance.running).toBeNull();
    expect(stage.instance.waiting).toBeNull();
  });

  it('keep a draining scheduler and a retiring instance', async () => {
    const stage = await busyStage();
    stage.sendMany(full);
    await stage.turn();
    let isDrained = false;
    let isRetired = false;
    stage.scheduler.drain().then(() => {
      isDrained = true;
    });
    stage.scheduler.retireInstance(stage.instance).then(() => {
      isRetired = true;
    });
    stage.instance.running?.complete();
    await settle();
    expect([isDrained, isRetired]).toEqual([false, false]);
    stage.instance.running?.complete();
    await settle();
    expect([isDrained, isRetired]).toEqual([true, true]);
  });
});
