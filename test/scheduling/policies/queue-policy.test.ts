import { describe, expect, it } from 'vitest';

import type { QueuePolicy } from '../../../src/model-config/model-config.ts';
import { ConfiguredOrder, timeoutMs } from '../../../src/scheduling/policies/queue-policy.ts';
import { dynamicBatching, queuePolicy } from '../../fakes/make-model.ts';
import { fp32Values } from '../../fakes/make-request.ts';
import { type Caller, Stage, type StageOptions } from '../stage.ts';

const withPolicy = (policy: Partial<QueuePolicy>): StageOptions => ({
  config: { dynamicBatching: dynamicBatching({ defaultQueuePolicy: queuePolicy(policy) }) },
});

/** A stage whose only instance is busy, so that what comes next waits. */
async function busyStage(options: StageOptions = {}): Promise<Stage> {
  const stage = new Stage(options);
  stage.send([99]);
  await stage.turn();
  return stage;
}

const outcome = ({ error }: Caller) => (error === null ? null : `${error.code}: ${error.message}`);

describe('the time a request may wait', () => {
  const minute = queuePolicy({ defaultTimeoutUs: 60_000_000 });

  it('is the default of the policy', () => {
    expect(timeoutMs(minute, 0)).toBe(60_000);
    expect(timeoutMs(minute, 5_000)).toBe(60_000);
  });

  it('may be shortened by the request where overrides are allowed, never lengthened', () => {
    const open = { ...minute, allowTimeoutOverride: true };
    expect(timeoutMs(open, 5_000)).toBe(5);
    expect(timeoutMs(open, 90_000_000)).toBe(60_000);
    expect(timeoutMs(open, 0)).toBe(60_000);
  });

  it("is the request's own where the policy has none", () => {
    expect(timeoutMs(queuePolicy(), 1_500)).toBe(1.5);
    expect(timeoutMs(queuePolicy(), 0)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the level of a request', () => {
  const batching = dynamicBatching({
    priorityLevels: 3,
    defaultPriorityLevel: 2,
    priorityQueuePolicies: new Map([[1, queuePolicy({ maxQueueSize: 7 })]]),
  });

  it.each([
    [0, 2],
    [1, 1],
    [3, 3],
    [4, 2],
    [Number.MAX_SAFE_INTEGER, 2],
  ])('for priority %d of three levels is %d', (priority, level) => {
    expect(new ConfiguredOrder(batching).levelOf(priority)).toBe(level);
  });

  it('is the only one where there are none', () => {
    expect(new ConfiguredOrder(dynamicBatching()).levelOf(5)).toBe(1);
    expect(new ConfiguredOrder(null).levelOf(5)).toBe(1);
  });

  it('has its own policy or the default one', () => {
    const order = new ConfiguredOrder(batching);
    expect(order.policyOf(1).maxQueueSize).toBe(7);
    expect(order.policyOf(2)).toBe(batching.defaultQueuePolicy);
    expect(new ConfiguredOrder(null).policyOf(1).maxQueueSize).toBe(0);
  });
});

describe('a request that has waited too long', () => {
  it('is refused on time, while the instance is still busy', async () => {
    const stage = await busyStage(withPolicy({ defaultTimeoutUs: 20_000 }));
    const caller = stage.send();
    const sentAtMs = stage.clock.now();
    await stage.advance(19.9);
    expect(caller.isWaiting).toBe(true);
    await stage.advance(5);
    expect(outcome(caller)).toBe('unavailable: Request timeout expired');
    expect(stage.observer.failures).toMatchObject([{ reason: 'REJECTED', wasQueued: true, totalNs: 20_000_000 }]);
    expect(caller.settledAtMs - sentAtMs).toBeLessThan(25);
    await stage.complete();
    expect(stage.instance.runs).toHaveLength(1);
  });

  it('never reaches the engine, even when the timer is late', async () => {
    const stage = await busyStage(withPolicy({ defaultTimeoutUs: 20_000 }));
    const caller = stage.send();
    const nowMs = stage.clock.now();
    stage.clock.now = () => nowMs + 21;
    await stage.complete();
    expect(outcome(caller)).toBe('unavailable: Request timeout expired');
    expect(stage.instance.runs).toHaveLength(1);
  });

  it('is refused by its own timeout also in a model without dynamic batching', async () => {
    const stage = await busyStage({ config: { dynamicBatching: null } });
    const patient = stage.send();
    const caller = stage.send([1], { timeoutUs: 1_500 });
    await stage.advance(3);
    expect(outcome(caller)).toBe('unavailable: Request timeout expired');
    await stage.complete();
    await stage.complete();
    expect(patient.response).not.toBeNull();
  });

  it('does not keep others from their earlier end', async () => {
    const stage = await busyStage();
    const late = stage.send([1], { timeoutUs: 50_000 });
    const early = stage.send([2], { timeoutUs: 10_000 });
    await stage.advance(11);
    expect([early.isWaiting, late.isWaiting]).toEqual([false, true]);
    await stage.advance(40);
    expect(late.isWaiting).toBe(false);
  });

  it("fails with the caller's deadline when that comes first", async () => {
    const stage = await busyStage(withPolicy({ defaultTimeoutUs: 50_000 }));
    const caller = stage.send([1], {}, { deadlineMs: stage.clock.now() + 10 });
    await stage.advance(11);
    expect(caller.error?.code).toBe('deadline_exceeded');
    expect(caller.error?.message).toContain("model 'm'");
    expect(stage.observer.failureReasons).toEqual(['REJECTED']);
  });

  it('is refused on arrival when its deadline is over, without having been queued', async () => {
    const stage = new Stage();
    const caller = stage.send([1], {}, { deadlineMs: stage.clock.now() });
    await stage.turn();
    expect(caller.error?.code).toBe('deadline_exceeded');
    expect(stage.observer.queuedCount).toBe(0);
    expect(stage.observer.failures).toMatchObject([{ reason: 'REJECTED', wasQueued: false }]);
    expect(stage.instance.runs).toHaveLength(0);
  });

  it('is still answered when it expires while it runs', async () => {
    const stage = new Stage();
    const caller = stage.send([5], { timeoutUs: 1_000 }, { deadlineMs: stage.clock.now() + 1 });
    await stage.turn();
    await stage.advance(10);
    await stage.complete();
    expect(caller.values).toEqual([5]);
  });
});

describe('the DELAY action', () => {
  const config = (levels: number) => ({
    dynamicBatching: dynamicBatching({
      preferredBatchSizes: [1],
      priorityLevels: levels,
      defaultPriorityLevel: Math.min(levels, 1),
      defaultQueuePolicy: queuePolicy({ timeoutAction: 'delay', defaultTimeoutUs: 10_000 }),
    }),
  });

  it('lets a late request step back behind the punctual ones of its level, but before lower levels', async () => {
    const stage = await busyStage({ config: config(2) });
    stage.send([3], { priority: 2 });
    stage.send([1], { priority: 1 });
    await stage.advance(11);
    stage.send([2], { priority: 1 });
    for (let i = 0; i < 4; i++) await stage.complete();
    const answers = stage.answered.map((caller) => caller.values[0]);
    expect(answers).toEqual([99, 2, 1, 3]);
  });

  it('lets late requests share a batch with punctual ones, behind them', async () => {
    const batching = dynamicBatching({
      priorityLevels: 2,
      defaultPriorityLevel: 1,
      defaultQueuePolicy: queuePolicy({ timeoutAction: 'delay', defaultTimeoutUs: 10_000 }),
    });
    const stage = await busyStage({ config: { dynamicBatching: batching } });
    stage.send([1]);
    stage.send([2]);
    stage.send([9], { priority: 2 });
    await stage.advance(11);
    stage.send([3]);
    await stage.complete();
    expect(stage.instance.last.batch.inputs[0].parts.flatMap(fp32Values)).toEqual([3, 1, 2, 9]);
  });

  it('gives no second timeout, but the deadline of the caller still ends the wait', async () => {
    const stage = await busyStage({ config: config(0) });
    const patient = stage.send([1]);
    const caller = stage.send([2], {}, { deadlineMs: stage.clock.now() + 30 });
    await stage.advance(25);
    expect([patient.isWaiting, caller.isWaiting]).toEqual([true, true]);
    await stage.advance(100);
    expect([patient.isWaiting, caller.error?.code]).toEqual([true, 'deadline_exceeded']);
  });
});

describe('a full queue', () => {
  it('refuses at once, with the id of the request, and recovers', async () => {
    const stage = await busyStage(withPolicy({ maxQueueSize: 2 }));
    stage.sendMany(2);
    const caller = stage.send([1], { id: 'r9' });
    await stage.turn();
    expect(outcome(caller)).toBe('unavailable: [request id: r9] Exceeds maximum queue size');
    expect(stage.observer.failures).toMatchObject([{ reason: 'REJECTED', wasQueued: false }]);
    await stage.complete();
    expect(stage.send().isWaiting).toBe(true);
  });

  it('counts only requests that cannot start right now', async () => {
    const stage = new Stage(withPolicy({ maxQueueSize: 2 }));
    const callers = stage.sendMany(5);
    await stage.turn();
    expect(stage.instance.requestCounts).toEqual([2]);
    expect(callers.map((caller) => caller.isWaiting)).toEqual([true, true, true, true, false]);
  });

  it('counts the requests that stepped back', async () => {
    const stage = await busyStage(withPolicy({ maxQueueSize: 1, timeoutAction: 'delay', defaultTimeoutUs: 1_000 }));
    stage.send();
    await stage.advance(5);
    const caller = stage.send();
    await stage.turn();
    expect(caller.error?.message).toContain('Exceeds maximum queue size');
  });

  it('of one level leaves the others open', async () => {
    const policies = new Map([[1, queuePolicy({ maxQueueSize: 1 })]]);
    const stage = await busyStage({
      config: {
        dynamicBatching: dynamicBatching({
          priorityLevels: 2,
          defaultPriorityLevel: 2,
          priorityQueuePolicies: policies,
        }),
      },
    });
    const callers = [1, 1, 2, 2].map((priority) => stage.send([0], { priority }));
    await stage.turn();
    expect(callers.map((caller) => caller.isWaiting)).toEqual([true, false, true, true]);
  });

  it('is bounded by the server where the configuration has no limit', async () => {
    const stage = await busyStage({ maxQueuedRequests: 3, config: { dynamicBatching: null } });
    const callers = stage.sendMany(4);
    await stage.turn();
    expect(callers.map((caller) => caller.isWaiting)).toEqual([true, true, true, false]);
    expect(callers[3].error?.code).toBe('unavailable');
  });
});

describe('priority levels', () => {
  const config = {
    dynamicBatching: dynamicBatching({ priorityLevels: 3, defaultPriorityLevel: 2, preferredBatchSizes: [1] }),
  };

  it('are served in order, first come first served within a level', async () => {
    const stage = await busyStage({ config });
    for (const [value, priority] of [
      [1, 3],
      [2, 1],
      [3, 0],
      [4, 1],
      [5, 9],
    ])
      stage.send([value], { priority });
    for (let i = 0; i < 6; i++) await stage.complete();
    expect(stage.answered.map((caller) => caller.values[0])).toEqual([99, 2, 4, 3, 5, 1]);
  });

  it('may share a batch, the more urgent rows first', async () => {
    const levels = dynamicBatching({ priorityLevels: 3, defaultPriorityLevel: 3 });
    const stage = await busyStage({ config: { dynamicBatching: levels } });
    const callers = [stage.send([1]), stage.send([2], { priority: 1 }), stage.send([3], { priority: 2 })];
    await stage.complete();
    await stage.complete();
    expect(stage.instance.requestCounts).toEqual([1, 3]);
    expect(callers.map((caller) => caller.values)).toEqual([[1], [2], [3]]);
  });

  it('may be as many as a client can name, without keeping them all', async () => {
    const many = dynamicBatching({ priorityLevels: 2 ** 40, defaultPriorityLevel: 1, preferredBatchSizes: [1] });
    const stage = await busyStage({ config: { dynamicBatching: many } });
    const priorities = Array.from({ length: 300 }, (_, i) => 1 + ((i * 7_919_999) % 2 ** 40));
    for (const priority of priorities) stage.send([priority % 1000], { priority });
    for (let i = 0; i <= 300; i++) await stage.complete();
    const expected = [...priorities].sort((a, b) => a - b).map((priority) => priority % 1000);
    expect(stage.answered.slice(1).map((caller) => caller.values[0])).toEqual(expected);
  });
});
