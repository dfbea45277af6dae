import { describe, expect, it } from 'vitest';
import { WorkSpans } from '../../../src/event-loop/work-spans.ts';
import { SliceQueue } from '../../../src/frontends/slice-queue.ts';
import { indexPages, statisticsPages } from '../../../src/frontends/v2/pages.ts';
import type { ModelIndexEntry } from '../../../src/lifecycle/model-index.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeInferenceServer } from '../../fakes/fake-inference-server.ts';

const entry = (name: string): ModelIndexEntry => ({ name, version: '1', state: 'READY', reason: '' });

/** Lets promises go on without a turn of the event loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

describe('pages of an answer about all models', () => {
  it('are read one in each turn of the event loop, and none before it is asked for', async () => {
    const clock = new FakeClock();
    const server = new FakeInferenceServer();
    server.index = Array.from({ length: 2000 }, (_, i) => entry(`model-${i}`));
    const pages = indexPages(server, false, new SliceQueue(clock));
    const read: ModelIndexEntry[] = [];
    for (let page = 1; ; page++) {
      expect(server.indexCalls.length).toBe(page - 1);
      const next = pages.next();
      await settled();
      expect(server.indexCalls.length).toBe(page - 1);
      clock.turn();
      const { done, value } = await next;
      if (done) break;
      read.push(...value);
    }
    expect(server.indexCalls.length).toBeGreaterThan(2);
    expect(read).toEqual(server.index);
  });

  it('are spans of the work that held the thread', async () => {
    const clock = new FakeClock();
    const spans = new WorkSpans(clock);
    const slices = new SliceQueue(clock, spans);
    const server = new FakeInferenceServer();
    /** Holds the event loop before it answers. */
    const held =
      <Result>(ms: number, result: Result) =>
      (): Promise<Result> => {
        clock.advance(ms);
        return Promise.resolve(result);
      };
    server.indexOf = held(20, []);
    server.statisticsOf = held(30, []);
    const startMs = clock.now();
    for (const pages of [indexPages(server, false, slices), statisticsPages(server, '', slices)]) {
      const first = pages.next();
      await settled();
      clock.turn();
      await first;
    }
    expect([...spans.between(startMs, clock.now())]).toEqual([
      ['a page of statistics', 30],
      ['a page of the repository index', 20],
    ]);
  });

  it('are one, which is empty, where there are no models', async () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    for (const pages of [statisticsPages, indexPages] as const) {
      const made = pages(new FakeInferenceServer(), '' as never, slices);
      const first = made.next();
      await settled();
      clock.turn();
      expect(await first).toEqual({ done: false, value: [] });
      expect((await made.next()).done).toBe(true);
    }
  });
});
