import { describe, expect, it } from 'vitest';
import type { NativeTurns } from '../../src/event-loop/native-turns.ts';
import { StallLog } from '../../src/event-loop/stall-log.ts';
import { turnBoundsMs, TurnCounts } from '../../src/event-loop/turn-counts.ts';
import { WorkSpans } from '../../src/event-loop/work-spans.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLogger } from '../fakes/recording-logger.ts';

/** Far from the clock's, as the machine's time is. */
const aheadMs = 1e9;

/** A thread whose turns the test makes. */
function newThread(isTelling = true) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const spans = new WorkSpans(clock);
  const row = TurnCounts.of(1).row(0);
  let onLong: () => void = () => undefined;
  let isEnded = false;
  let garbageWatches = 0;
  const native: NativeTurns = {
    watchTurns: (_bounds, _longMs, _cells, told) => {
      onLong = told;
      return () => {
        isEnded = true;
      };
    },
  };
  const hrtimeMs = (): number => clock.now() + aheadMs;
  const watchGarbage = (): number => garbageWatches++;
  const log = new StallLog({ native, row, spans, thread: 'main', clock, logger, hrtimeMs, watchGarbage });
  const begin = (): void => {
    log.begin();
    clock.turn();
    clock.turn();
  };
  if (isTelling) begin();
  return {
    clock,
    logger,
    spans,
    log,
    begin,
    isEnded: () => isEnded,
    garbageWatches: () => garbageWatches,
    /** As the addon notes it at the end of a turn that has just ended. */
    held(ms: number, ranMs = ms): void {
      const { cells } = row;
      const first = turnBoundsMs.length + 1;
      const isLongest = cells[first + 1] === 0 || ms > cells[first + 2];
      if (isLongest) cells.set([ms, clock.now() + aheadMs, ranMs], first + 2);
      cells[first + 1]++;
    },
    ring: () => onLong(),
  };
}

describe('the log of stalls', () => {
  it('names the work that held the loop, the longest first', () => {
    const { clock, logger, spans, held, ring } = newThread();
    const startMs = clock.now();
    spans.add('the reading of a JSON request', startMs, startMs + 12);
    clock.advance(12);
    spans.add('the page of metrics', clock.now(), clock.now() + 60);
    clock.advance(60);
    held(75);
    ring();
    expect(logger.lines).toEqual([]);
    clock.advance(1000);
    expect(logger.lines).toMatchObject([
      {
        level: 'warn',
        fields: { thread: 'main', heldMs: 75, ranMs: 75, turns: 1 },
        message:
          'the event loop of the main thread was held for 75 ms: the page of metrics took 60 ms, the reading of a JSON request took 12 ms',
      },
    ]);
  });

  it('names only work of the turn itself, also when more has followed', () => {
    const { clock, logger, spans, held, ring } = newThread();
    spans.add('the page of metrics', clock.now(), clock.now() + 60);
    clock.advance(100);
    const startMs = clock.now();
    clock.advance(80);
    spans.add('the reading of a JSON request', startMs, clock.now());
    held(80);
    ring();
    for (let i = 0; i < 100; i++) {
      clock.advance(2);
      spans.add('the writing of a JSON answer', clock.now() - 2, clock.now());
    }
    clock.advance(1000);
    expect(logger.lines[0].fields.work).toEqual({ 'the reading of a JSON request': 80 });
  });

  it('adds collections of garbage that are reported after the turn', () => {
    const { clock, logger, spans, held, ring, garbageWatches } = newThread();
    const startMs = clock.now();
    clock.advance(70);
    held(70);
    ring();
    expect(garbageWatches()).toBe(1);
    spans.add('the collection of garbage', startMs, startMs + 55);
    clock.advance(1000);
    expect(logger.lines[0].message).toMatch(/70 ms: the collection of garbage took 55 ms$/);
  });

  it('tells a thread that had no processor from one that worked', () => {
    const { clock, logger, held, ring } = newThread();
    clock.advance(90);
    held(90, 5);
    ring();
    clock.advance(1000);
    expect(logger.lines[0].message).toMatch(/held for 90 ms: it had a processor for only 5 ms/);
  });

  it('says when no work is known', () => {
    const { clock, logger, held, ring } = newThread();
    clock.advance(60);
    held(60);
    ring();
    clock.advance(1000);
    expect(logger.lines[0].message).toMatch(/held for 60 ms: no single piece of work was long$/);
  });

  it('writes one line in ten seconds, about the longest turn, with the number of all', () => {
    const { clock, logger, held, ring } = newThread();
    for (let i = 0; i < 200; i++) {
      clock.advance(100);
      held(i === 80 ? 99 : 55);
      ring();
    }
    clock.advance(20_000);
    expect(logger.lines.map(({ fields }) => fields.heldMs)).toEqual([55, 99, 55]);
    expect(logger.lines.reduce((sum, { fields }) => sum + (fields.turns as number), 0)).toBe(200);
  });

  it('counts several long turns that are told at once, and none twice', () => {
    const { clock, logger, held, ring } = newThread();
    held(55);
    held(80);
    held(60);
    ring();
    ring();
    clock.advance(1000);
    expect(logger.lines.map(({ fields }) => [fields.heldMs, fields.turns])).toEqual([[80, 3]]);
  });

  it('is silent while its thread starts', () => {
    const { clock, logger, held, ring, begin } = newThread(false);
    held(55);
    ring();
    held(60);
    begin();
    ring();
    clock.advance(20_000);
    expect(logger.lines).toEqual([]);
    held(70);
    ring();
    clock.advance(1000);
    expect(logger.lines.map(({ fields }) => [fields.heldMs, fields.turns])).toEqual([[70, 1]]);
  });

  it('is silent from its end on', () => {
    const { clock, logger, held, ring, log, isEnded } = newThread();
    held(55);
    ring();
    log.close();
    clock.advance(20_000);
    expect([isEnded(), logger.lines.length, clock.waitingCount]).toEqual([true, 0, 0]);
  });
});

describe('spans of work', () => {
  it('add up by kind, cut to the asked time, without short ones', () => {
    const clock = new FakeClock(0);
    const spans = new WorkSpans(clock);
    spans.add('a', 10, 20);
    spans.add('b', 20, 20.5);
    spans.add('c', 21, 24);
    spans.add('a', 30, 50);
    expect([...spans.between(15, 40)]).toEqual([
      ['a', 15],
      ['c', 3],
    ]);
  });

  it('measure work that throws as well', () => {
    const clock = new FakeClock(0);
    const spans = new WorkSpans(clock);
    const failing = (): never => {
      clock.advance(5);
      throw new Error('no');
    };
    expect(() => spans.timed('work', failing)).toThrow('no');
    expect(spans.between(0, 5).get('work')).toBeCloseTo(5);
  });
});
