import { describe, expect, it } from 'vitest';
import { FakeInstance } from '../fakes/fake-engine.ts';
import { modelConfig } from '../fakes/make-model.ts';
import { Stage } from './stage.ts';

const batching = modelConfig({ maxBatchSize: 2 });

describe('the sinks of a batch', () => {
  it('are called when the next batch has been handed over', async () => {
    const stage = new Stage({ config: batching });
    const runsWhenAnswered: number[] = [];
    stage.onAnswer = () => runsWhenAnswered.push(stage.instance.runs.length);
    stage.sendMany(2);
    await stage.turn();
    stage.sendMany(2);
    await stage.complete();
    expect(runsWhenAnswered).toEqual([2, 2]);
  });

  it('may ask for something new', async () => {
    const stage = new Stage({ config: batching, instances: [new FakeInstance('inline')] });
    let left = 5;
    stage.onAnswer = () => {
      if (left-- > 0) stage.send([left]);
    };
    stage.send([0]);
    for (let turn = 0; turn < 8; turn++) await stage.turn();
    expect(stage.answered.map(({ values }) => values)).toEqual([[0], [4], [3], [2], [1], [0]]);
    expect(stage.scheduler.pendingCount).toBe(0);
  });

  it('are each told although another one throws, which is logged', async () => {
    const stage = new Stage({ config: batching });
    const callers = stage.sendMany(2);
    stage.onAnswer = (caller) => {
      if (caller === callers[0]) throw new Error('no socket');
    };
    await stage.turn();
    await stage.complete();
    expect(callers.map(({ settledCount }) => settledCount)).toEqual([1, 1]);
    expect(stage.errors).toEqual(['an answer could not be taken: the sink of a request threw']);
    expect(stage.scheduler.pendingCount).toBe(0);
  });
});
