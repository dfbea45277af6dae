/** Properties of schedulers under random arrivals, departures and completions. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { internal } from '../../src/errors.ts';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { dynamicBatching, queuePolicy } from '../fakes/make-model.ts';
import { fp32Values } from '../fakes/make-request.ts';
import { type Caller, Stage, settle } from './stage.ts';

const maxRows = 6;
const delayMs = 4;

const send = fc.record({
  kind: fc.constant('send' as const),
  rows: fc.integer({ min: 1, max: maxRows }),
  priority: fc.integer({ min: 0, max: 3 }),
  timeoutMs: fc.constantFrom(0, 0, 3, 9),
  deadlineMs: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 5),
});

const anyStep = fc.oneof(
  { weight: 6, arbitrary: send },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('drain' as const), instance: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0.2, 1, 5) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('complete' as const), instance: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), instance: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), caller: fc.nat() }) },
);

const anyModel = fc.record({
  preferred: fc.constantFrom<readonly number[]>([], [2], [3, 6]),
  delay: fc.constantFrom(0, delayMs),
  levels: fc.constantFrom(0, 3),
  keepsOrder: fc.boolean(),
  inline: fc.boolean(),
  prefetches: fc.boolean(),
  lags: fc.boolean(),
  maxQueueSize: fc.constantFrom(0, 5),
});

interface Sent {
  readonly caller: Caller;
  readonly values: readonly number[];
  readonly priority: number;
}

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;
type Model = typeof anyModel extends fc.Arbitrary<infer T> ? T : never;

function stageFor(model: Model): Stage {
  const levels = model.keepsOrder ? 0 : model.levels;
  return new Stage({
    config: {
      maxBatchSize: maxRows,
      dynamicBatching: dynamicBatching({
        preferredBatchSizes: model.preferred,
        maxQueueDelayUs: model.delay * 1000,
        preserveOrdering: model.keepsOrder,
        priorityLevels: levels,
        defaultPriorityLevel: Math.min(levels, 2),
        defaultQueuePolicy: queuePolicy({ maxQueueSize: model.maxQueueSize }),
      }),
    },
    instances: [0, 1].map(() => {
      const instance = new FakeInstance(model.inline ? 'inline' : 'manual');
      instance.canPrefetch = model.prefetches;
      instance.lags = model.lags;
      return instance;
    }),
  });
}

async function play(stage: Stage, steps: readonly Step[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  let nextValue = 1;
  for (const step of steps) {
    switch (step.kind) {
      case 'send': {
        const values = Array.from({ length: step.rows }, () => nextValue++);
        const deadlineMs = stage.clock.now() + step.deadlineMs;
        const request = { priority: step.priority, timeoutUs: step.timeoutMs * 1000 };
        sent.push({ caller: stage.send(values, request, { deadlineMs }), values, priority: step.priority });
        break;
      }
      case 'turn':
        stage.clock.turn();
        break;
      case 'advance':
        stage.clock.advance(step.ms);
        break;
      case 'complete':
        stage.instances[step.instance].running?.complete();
        break;
      case 'drain':
        stage.instances[step.instance].drain();
        break;
      case 'fail':
        stage.instances[step.instance].running?.fail(internal('by chance'));
        break;
      case 'leave':
        if (sent.length > 0) sent[step.caller % sent.length].caller.leave();
        break;
    }
  }
  return sent;
}

async function finish(stage: Stage): Promise<void> {
  let isDrained = false;
  const drained = stage.scheduler.drain().then(() => {
    isDrained = true;
  });
  for (let i = 0; i < 2000 && !isDrained; i++) {
    stage.clock.advance(delayMs);
    for (const instance of stage.instances) {
      instance.running?.complete();
      instance.drain();
    }
    await settle();
  }
  await drained;
}

describe('for every course of events', () => {
  const anyCourse = fc.tuple(anyModel, fc.array(anyStep, { maxLength: 80, size: 'max' }));
  const check = (property: (stage: Stage, sent: readonly Sent[], model: Model) => void, seed: number): Promise<void> =>
    fc.assert(
      fc.asyncProperty(anyCourse, async ([model, steps]) => {
        const stage = stageFor(model);
        const sent = await play(stage, steps);
        await finish(stage);
        property(stage, sent, model);
      }),
      { seed, numRuns: 300 },
    );

  it('every request is settled exactly once, with its own values or one error, and every slab goes back', async () => {
    await check((stage, sent) => {
      for (const { caller, values } of sent) {
        expect(caller.settledCount).toBe(1);
        if (caller.error === null) expect(caller.values).toEqual(values);
        caller.response?.release();
      }
      for (const instance of stage.instances) {
        for (const run of instance.runs) expect(run.releaseCount).toBe(1);
      }
      expect(stage.scheduler.pendingCount).toBe(0);
      expect(stage.scheduler.waitingCount).toBe(0);
      expect(stage.clock.waitingCount).toBe(0);
    }, 60);
  });

  it('a caller who stays is never told that the request was cancelled', async () => {
    await check((_stage, sent) => {
      for (const { caller } of sent) {
        if (!caller.cancellation.cancelled) expect(caller.error?.code).not.toBe('cancelled');
      }
    }, 66);
  });

  it('the facts add up', async () => {
    await check((stage, sent) => {
      const { observer } = stage;
      const failedInQueue = observer.failures.filter((failure) => failure.wasQueued).length;
      expect(observer.queuedCount).toBe(observer.successes.length + failedInQueue);
      expect(sent.length).toBe(observer.successes.length + observer.failures.length);
      const runs = stage.instances.flatMap((instance) => instance.runs);
      expect(observer.batches.length).toBe(runs.length);
      expect(observer.batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(
        runs.reduce((sum, run) => sum + run.rows, 0),
      );
      const successes = sent.filter(({ caller }) => caller.error === null);
      expect(observer.successes.reduce((sum, fact) => sum + fact.rows, 0)).toBe(
        successes.reduce((sum, { values }) => sum + values.length, 0),
      );
    }, 61);
  });

  it('no batch has more rows than allowed, and no row runs twice but after a failure', async () => {
    await check((stage) => {
      const runs = stage.instances.flatMap((instance) => instance.runs);
      for (const run of runs) expect(run.rows).toBeLessThanOrEqual(maxRows);
      const hasFailed = stage.observer.batches.some((batch) => batch.failed);
      const values = runs.flatMap((run) => run.batch.inputs[0].parts.flatMap(fp32Values));
      if (!hasFailed) expect(new Set(values).size).toBe(values.length);
    }, 62);
  });

  it('requests of one level start in order of arrival, but for second tries', async () => {
    await check((stage, sent, model) => {
      if (stage.observer.batches.some((batch) => batch.failed)) return;
      const levels = model.keepsOrder ? 0 : model.levels;
      // Two instances record apart; within each the starts of a level must ascend.
      for (const instance of stage.instances) {
        const started = instance.runs.flatMap((run) => run.batch.inputs[0].parts.map((part) => fp32Values(part)[0]));
        for (let level = 0; level <= levels; level++) {
          const ofLevel = sent.filter(({ priority }) => (levels === 0 ? 0 : priority || 2) === level);
          const firsts = new Set(ofLevel.map(({ values }) => values[0]));
          const inOrder = started.filter((value) => firsts.has(value));
          expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
        }
      }
    }, 63);
  });

  it('answers keep the order of arrival if configured, except for callers who left', async () => {
    await check((stage, sent, model) => {
      if (!model.keepsOrder) return;
      const refusedAtOnce = stage.observer.failures.filter((failure) => !failure.wasQueued).length;
      if (refusedAtOnce > 0) return;
      const stayed = stage.answered.filter((caller) => caller.error?.code !== 'cancelled');
      const arrival = sent.map(({ caller }) => caller).filter((caller) => stayed.includes(caller));
      expect(stayed).toEqual(arrival);
    }, 64);
  });

  it('an idle instance leaves no request waiting past the delay', async () => {
    await fc.assert(
      fc.asyncProperty(anyCourse, async ([model, steps]) => {
        const stage = stageFor({ ...model, inline: true });
        const sent = await play(stage, steps);
        const endMs = stage.clock.now();
        stage.clock.advance(model.delay + 2 * stage.clock.turnMs);
        await settle();
        expect(sent.filter(({ caller }) => caller.isWaiting)).toEqual([]);
        for (const { caller } of sent) expect(caller.settledAtMs).toBeLessThanOrEqual(endMs + delayMs + 1);
        for (const { queueNs } of stage.observer.successes) {
          expect(queueNs).toBeLessThanOrEqual((model.delay + 2 * stage.clock.turnMs) * 1e6);
        }
      }),
      { seed: 65, numRuns: 300 },
    );
  });
});
