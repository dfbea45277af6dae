import { describe, expect, it } from 'vitest';

import { slowRequestLog } from '../../src/interceptors/slow-request-log/slow-request-log.ts';
import { type AdmittedInfer, wrapScheduler } from '../../src/scheduling/version-interceptor.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { modelConfig, signatureOf } from '../fakes/make-model.ts';
import { RecordingLogger } from '../fakes/recording-logger.ts';
import { Stage } from '../scheduling/stage.ts';

const config = { maxBatchSize: 4 } as const;

/** A real scheduler behind the ring; instances answer when the test says so. */
function stageWithLimit(limitMs: number) {
  const logger = new RecordingLogger();
  const stage: Stage = new Stage({
    config,
    ring: (clock) => [slowRequestLog(limitMs, { clock, logger })].filter((one) => one !== null),
  });
  return { stage, lines: logger.lines };
}

describe('the log of slow requests', () => {
  it('says where the time of a request went that took longer than the limit', async () => {
    const { stage, lines } = stageWithLimit(20);
    stage.send([1], { id: 'first' });
    await stage.turn();
    stage.send([2, 3], { id: 'late' });
    await stage.turn();
    await stage.advance(15);
    await stage.complete();
    await stage.advance(10);
    await stage.complete();
    expect(stage.answered).toHaveLength(2);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        message: 'slow request: took more than 20 ms',
        fields: { requestId: 'late', outcome: 'ok', ms: 25, queueMs: 15, batchRows: 2, batchRequests: 1 },
      },
    ]);
  });

  it('tells of slow failures, which have no batch, too', async () => {
    const { stage, lines } = stageWithLimit(20);
    stage.send([1]);
    await stage.turn();
    const caller = stage.send([2], { id: 'gone' });
    await stage.advance(30);
    caller.leave();
    await stage.turn();
    expect(caller.error?.code).toBe('cancelled');
    expect(lines).toMatchObject([{ fields: { requestId: 'gone', outcome: 'cancelled', ms: 30, batchRows: 0 } }]);
  });

  it('is silent about requests within the limit', async () => {
    const { stage, lines } = stageWithLimit(20);
    stage.send();
    await stage.turn();
    await stage.advance(20);
    await stage.complete();
    expect(lines).toEqual([]);
  });
});

describe('the ring of a version', () => {
  const version = {
    modelName: 'm',
    modelVersion: '1',
    config: modelConfig(config),
    signature: signatureOf(modelConfig(config)),
  };
  const scheduler: AdmittedInfer = { schedule: () => undefined };

  it('is the scheduler itself where no interceptor wants the version', () => {
    expect(wrapScheduler([], version, scheduler)).toBe(scheduler);
    expect(wrapScheduler([() => null], version, scheduler)).toBe(scheduler);
    expect(slowRequestLog(0, { clock: new FakeClock(), logger: new RecordingLogger() })).toBeNull();
  });

  it('has the first interceptor outermost', () => {
    const trail: string[] = [];
    const named = (name: string) => (_version: object, next: { schedule: (...args: never[]) => void }) => ({
      schedule: (...args: never[]) => {
        trail.push(name);
        next.schedule(...args);
      },
    });
    const ring = wrapScheduler([named('outer'), () => null, named('inner')], version, scheduler);
    ring.schedule(...([null, null, null] as unknown as Parameters<AdmittedInfer['schedule']>));
    expect(trail).toEqual(['outer', 'inner']);
  });
});
