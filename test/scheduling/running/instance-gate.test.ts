/** A limit on the batches of several models together: never exceeded, and no model waits for ever. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { internal, unavailable } from '../../../src/errors.ts';
import { type Demand, type GatePass, RunLimit } from '../../../src/scheduling/running/instance-gate.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeInstance } from '../../fakes/fake-engine.ts';
import { Stage, settle } from '../stage.ts';

/** Models on one clock behind one limit; each has two instances. */
function models(count: number, limit: number): { clock: FakeClock; stages: Stage[]; running: () => number } {
  const clock = new FakeClock();
  const gate = new RunLimit(limit);
  const stages = Array.from(
    { length: count },
    () =>
      new Stage({
        clock,
        gate,
        config: { dynamicBatching: null },
        instances: [new FakeInstance(), new FakeInstance()],
      }),
  );
  const running = (): number =>
    stages.flatMap(({ instances }) => instances).filter((instance) => instance.running !== null).length;
  return { clock, stages, running };
}

const busy = (stage: Stage): FakeInstance[] => stage.instances.filter((instance) => instance.running !== null);

describe('a limit on batches that run at once', () => {
  it('holds over all models, and they take turns', async () => {
    const { clock, stages, running } = models(3, 1);
    const order: number[] = [];
    for (const stage of stages) for (let i = 0; i < 3; i++) stage.send();
    clock.turn();
    for (let i = 0; i < 9; i++) {
      expect(running()).toBe(1);
      const at = stages.findIndex((stage) => busy(stage).length > 0);
      order.push(at);
      busy(stages[at] as Stage)[0]?.running?.complete();
      await settle();
    }
    // The first model had asked again before the others asked at all.
    expect(order).toEqual([0, 0, 1, 2, 0, 1, 2, 1, 2]);
    expect(running()).toBe(0);
  });

  it('is counted for each device', async () => {
    const gate = new RunLimit(1);
    const demands: Demand[] = [{ device: 'cpu' }, { device: 'cuda:0' }];
    expect(demands.map((demand) => gate.enter(demand, () => undefined) !== null)).toEqual([true, true]);
    expect(gate.enter({ device: 'cpu' }, () => undefined)).toBeNull();
  });

  it('passes the turn of a model on that has nothing to run any more', async () => {
    const { clock, stages } = models(3, 1);
    const [first, second, third] = stages as [Stage, Stage, Stage];
    first.send();
    clock.turn();
    const left = second.send();
    const waiting = third.send();
    clock.turn();
    left.leave();
    busy(first)[0]?.running?.complete();
    await settle();
    expect(busy(second)).toHaveLength(0);
    busy(third)[0]?.running?.complete();
    await settle();
    expect(waiting.response).not.toBeNull();
  });

  it.each(['abort', 'drain'] as const)(
    'loses no turn when a model that waits or runs is unloaded (%s)',
    async (how) => {
      const { clock, stages, running } = models(2, 1);
      const [first, second] = stages as [Stage, Stage];
      first.send();
      first.send();
      clock.turn();
      const waiting = second.send();
      clock.turn();
      if (how === 'abort') first.scheduler.abort(unavailable('unloaded'));
      else first.scheduler.drain();
      for (let i = 0; i < 4; i++) {
        for (const stage of stages) for (const instance of busy(stage)) instance.running?.complete();
        await settle();
      }
      expect(waiting.response).not.toBeNull();
      expect(running()).toBe(0);
    },
  );

  it('gives the place of a failed batch, and of an engine that throws, to the next', async () => {
    const { clock, stages } = models(2, 1);
    const [first, second] = stages as [Stage, Stage];
    first.send();
    clock.turn();
    const waiting = second.send();
    clock.turn();
    busy(first)[0]?.running?.fail(internal('no'));
    expect(busy(second)).toHaveLength(1);
    for (const instance of first.instances) instance.mode = 'throw';
    const thrown = first.send();
    clock.turn();
    busy(second)[0]?.running?.complete();
    await settle();
    expect(thrown.error?.message).toBe('the engine threw');
    expect(waiting.response).not.toBeNull();
    const last = second.send();
    clock.turn();
    busy(second)[0]?.running?.complete();
    await settle();
    expect(last.response).not.toBeNull();
  });

  it('lets requests expire that wait for a turn', async () => {
    const { clock, stages } = models(2, 1);
    const [first, second] = stages as [Stage, Stage];
    first.send();
    clock.turn();
    const late = second.send([1], {}, { deadlineMs: clock.now() + 5 });
    await second.advance(6);
    expect(late.error?.code).toBe('deadline_exceeded');
  });

  it('is never exceeded, and all requests are answered in the end, in any order of events', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), model: fc.nat(2) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const), model: fc.nat(2) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('complete' as const), model: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), model: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), model: fc.nat(2) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (steps, limit) => {
        const { clock, stages, running } = models(3, limit);
        const callers: ReturnType<Stage['send']>[] = [];
        for (const { kind, model } of steps) {
          const stage = stages[model] as Stage;
          if (kind === 'send') callers.push(stage.send());
          else if (kind === 'turn') clock.turn();
          else if (kind === 'complete') busy(stage)[0]?.running?.complete();
          else if (kind === 'fail') busy(stage)[0]?.running?.fail(internal('by chance'));
          else callers[callers.length - 1]?.leave();
          expect(running()).toBeLessThanOrEqual(limit);
        }
        for (let i = 0; i < 200 && callers.some(({ isWaiting }) => isWaiting); i++) {
          clock.turn();
          for (const stage of stages) for (const instance of busy(stage)) instance.running?.complete();
          expect(running()).toBeLessThanOrEqual(limit);
          await settle();
        }
        expect(callers.filter(({ isWaiting }) => isWaiting)).toEqual([]);
        expect(running()).toBe(0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('calls waiting demands one after the other, each once', () => {
    const gate = new RunLimit(1);
    const called: string[] = [];
    const pass = gate.enter({ device: 'cpu' }, () => undefined) as GatePass;
    const b = { device: 'cpu' };
    for (let i = 0; i < 3; i++) gate.enter(b, () => called.push('b'));
    gate.enter({ device: 'cpu' }, () => called.push('c'));
    pass.release();
    expect(called).toEqual(['b', 'c']);
  });
});
