import { describe, expect, it } from 'vitest';

import { companyMs, LoneArrivals, loneStreak } from '../../../src/scheduling/policies/lone-arrivals.ts';
import { FakeInstance } from '../../fakes/fake-engine.ts';
import { Stage } from '../stage.ts';

/** Sends lone requests until the next one is expected to be lone too. */
async function loneCaller(stage: Stage): Promise<void> {
  for (let i = 0; i < loneStreak; i++) {
    stage.send();
    await stage.turn();
    await stage.advance(1);
  }
}

const stageWith = (config = {}): Stage => new Stage({ instances: [new FakeInstance('inline')], config });

describe('a request that comes alone', () => {
  it('starts at once when all the last ones came alone', async () => {
    const stage = stageWith();
    await loneCaller(stage);
    const started = stage.instance.runs.length;
    stage.send();
    expect(stage.instance.runs).toHaveLength(started + 1);
  });

  it('waits for the end of the turn while that is not known', () => {
    const stage = stageWith();
    stage.send();
    expect(stage.instance.runs).toHaveLength(0);
  });

  it('still waits for the delay that its model asks for', async () => {
    const stage = stageWith();
    const delayed = stageWith({ dynamicBatching: { ...stage.config.dynamicBatching, maxQueueDelayUs: 500 } });
    await loneCaller(delayed);
    const started = delayed.instance.runs.length;
    delayed.send();
    expect(delayed.instance.runs).toHaveLength(started);
    await delayed.advance(1);
    expect(delayed.instance.runs).toHaveLength(started + 1);
  });

  it('lets only the first of a sudden crowd start alone', async () => {
    const stage = stageWith();
    await loneCaller(stage);
    const before = stage.instance.runs.length;
    stage.sendMany(5);
    await stage.turn();
    stage.sendMany(5);
    await stage.turn();
    expect(stage.instance.requestCounts.slice(before)).toEqual([1, 4, 5]);
  });
});

describe('a crowd that comes turn by turn', () => {
  it('is not served one by one where each run takes as long as a lone caller stays away', async () => {
    const stage = stageWith();
    await loneCaller(stage);
    const before = stage.instance.runs.length;
    for (let turn = 0; turn < 3; turn++) {
      for (let i = 0; i < 4; i++) {
        stage.send();
        stage.clock.passes(2 * companyMs);
      }
      await stage.turn();
    }
    expect(stage.instance.requestCounts.slice(before)).toEqual([1, 3, 4, 4]);
  });
});

describe('lone arrivals', () => {
  it('are believed after a streak and forgotten with the first company', () => {
    const turn = { id: 0 };
    const arrivals = new LoneArrivals(turn);
    let nowMs = 0;
    const next = (gapMs: number): boolean => {
      nowMs += gapMs;
      turn.id++;
      return arrivals.note(nowMs);
    };
    for (let i = 1; i < loneStreak; i++) expect(next(companyMs * 2)).toBe(false);
    expect(next(companyMs * 2)).toBe(true);
    expect(next(companyMs * 2)).toBe(true);
    expect(next(companyMs / 2)).toBe(false);
    for (let i = 1; i < loneStreak; i++) expect(next(companyMs * 2)).toBe(false);
    expect(next(companyMs * 2)).toBe(true);
  });

  it('are not two of one turn, however long the first of them ran', () => {
    const turn = { id: 0 };
    const arrivals = new LoneArrivals(turn);
    let nowMs = 0;
    const next = (turns: number): boolean => {
      turn.id += turns;
      nowMs += companyMs * 2;
      return arrivals.note(nowMs);
    };
    for (let i = 0; i <= 2 * loneStreak; i++) expect(next(i % 2)).toBe(false);
    for (let i = 1; i < loneStreak; i++) expect(next(1)).toBe(false);
    expect(next(1)).toBe(true);
    expect(next(0)).toBe(false);
  });
});
