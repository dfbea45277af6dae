/** Both ends of a ring in one thread: order, overflow, and signals from the reader to the writer. */

import { describe, expect, it } from 'vitest';
import { seededNumbers } from '../../../bench/models/seeded-numbers.ts';
import { makeRing, RingReader, RingWriter } from '../../../src/threads/link/ring.ts';

/** As many entries as fit; the first test finds out whether that is so. */
const capacity = 4096;

type Entry = readonly [kind: number, call: number, page: number, offset: number];

const entry = (number: number): Entry => [number % 7, number, number * 2, number * 8];

function ringEnds() {
  const memory = makeRing();
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  /** As many entries as are `maxWork`, each of which is 1. */
  const read = (maxWork = Number.POSITIVE_INFINITY): { entries: Entry[]; wantsRoom: boolean } => {
    const entries: Entry[] = [];
    const work = reader.drain((...each) => {
      entries.push(each);
      return 1;
    }, maxWork);
    expect(work).toBe(entries.length);
    return { entries, wantsRoom: reader.takeRoomWanted() };
  };
  const push = (from: number, to: number): void => {
    for (let number = from; number < to; number++) writer.push(...entry(number));
  };
  return { writer, reader, read, push };
}

/**
 * Many entries at once: where they first differ from those numbered `from` on, or -1. Much cheaper than a deep
 * comparison.
 */
const firstFault = (seen: readonly Entry[], from: number): number =>
  seen.findIndex((each, at) => entry(from + at).some((number, i) => number !== each[i]));

const entries = (from: number, to: number): Entry[] => Array.from({ length: to - from }, (_, i) => entry(from + i));

describe('a ring', () => {
  it('is empty at first', () => {
    const { read, writer } = ringEnds();
    expect(read()).toEqual({ entries: [], wantsRoom: false });
    expect(writer.waitingCount).toBe(0);
  });

  it('hands entries over once, in order, with all four numbers', () => {
    const { push, read } = ringEnds();
    push(0, 5);
    expect(read()).toEqual({ entries: entries(0, 5), wantsRoom: false });
    expect(read().entries).toEqual([]);
    push(5, 7);
    expect(read().entries).toEqual(entries(5, 7));
  });

  it('keeps negative numbers and large ones', () => {
    const { writer, read } = ringEnds();
    writer.push(-1, 2 ** 31 - 1, -(2 ** 31), 0);
    expect(read().entries).toEqual([[-1, 2 ** 31 - 1, -(2 ** 31), 0]]);
  });

  it('wraps over its capacity many times', () => {
    const { push, read } = ringEnds();
    const step = 1000;
    for (let from = 0; from < capacity * 20; from += step) {
      push(from, from + step);
      const { entries: some, wantsRoom } = read();
      expect([some.length, firstFault(some, from), wantsRoom]).toEqual([step, -1, false]);
    }
  });

  it('holds exactly its capacity and lets the rest wait at the writer', () => {
    const { push, read, writer } = ringEnds();
    push(0, capacity);
    expect(writer.waitingCount).toBe(0);
    push(capacity, capacity + 3);
    expect(writer.waitingCount).toBe(3);
    const { entries: some, wantsRoom } = read();
    expect([some.length, firstFault(some, 0), wantsRoom]).toEqual([capacity, -1, true]);
  });

  it('asks once to be told of room, and writes waiting entries when it is flushed', () => {
    const { push, read, writer } = ringEnds();
    push(0, capacity + 10);
    read();
    expect(read()).toEqual({ entries: [], wantsRoom: false });
    writer.flush();
    expect(writer.waitingCount).toBe(0);
    expect(read()).toEqual({ entries: entries(capacity, capacity + 10), wantsRoom: false });
  });

  it('lets no entry overtake waiting ones', () => {
    const { push, read, writer } = ringEnds();
    push(0, capacity + 2);
    read();
    push(capacity + 2, capacity + 4);
    expect(writer.waitingCount).toBe(0);
    expect(read().entries).toEqual(entries(capacity, capacity + 4));
  });

  it('goes on asking while more waits than there is room', () => {
    const { push, read, writer } = ringEnds();
    const all = capacity * 3 + 5;
    push(0, all);
    const seen: Entry[] = [];
    const asked: boolean[] = [];
    while (seen.length < all) {
      const { entries: some, wantsRoom } = read();
      expect(some.length).toBeGreaterThan(0);
      seen.push(...some);
      asked.push(wantsRoom);
      writer.flush();
    }
    expect(firstFault(seen, 0)).toBe(-1);
    expect(asked).toEqual([true, true, true, false]);
  });

  it('hands over entries that are pushed while it is drained', () => {
    const { writer, reader } = ringEnds();
    const seen: number[] = [];
    writer.push(...entry(0));
    reader.drain((_kind, call) => {
      seen.push(call);
      if (call < 10_000) writer.push(...entry(call + 1));
      return 1;
    }, Number.POSITIVE_INFINITY);
    expect(seen).toEqual(Array.from({ length: 10_001 }, (_, i) => i));
    expect(writer.waitingCount).toBe(0);
  });

  it('gives each entry back its room before the listener is called', () => {
    const { push, reader, writer } = ringEnds();
    push(0, capacity);
    const waiting: number[] = [];
    reader.drain((_kind, call) => {
      if (call >= capacity) return 1;
      writer.push(...entry(capacity + call));
      waiting.push(writer.waitingCount);
      return 1;
    }, Number.POSITIVE_INFINITY);
    expect(waiting).toEqual(Array.from({ length: capacity }, () => 0));
  });

  it('leaves entries to the next time once those read were enough work', () => {
    const { push, read, reader } = ringEnds();
    push(0, 10);
    expect(read(4).entries).toEqual(entries(0, 4));
    expect(reader.isEmpty).toBe(false);
    expect(read(6).entries).toEqual(entries(4, 10));
    expect(reader.isEmpty).toBe(true);
  });

  it('hands over one entry however much work it is', () => {
    const { push, reader } = ringEnds();
    push(0, 3);
    const seen: number[] = [];
    const readCostly = () =>
      reader.drain((_kind, call) => {
        seen.push(call);
        return 1e9;
      }, 10);
    readCostly();
    expect(seen).toEqual([0]);
    readCostly();
    expect(seen).toEqual([0, 1]);
  });

  it('asks to be told of room as soon as there is some, also while entries are left', () => {
    const { push, read, writer } = ringEnds();
    push(0, capacity + 10);
    expect(read(4).wantsRoom).toBe(true);
    writer.flush();
    expect(writer.waitingCount).toBe(6);
    expect(read(6).wantsRoom).toBe(true);
    writer.flush();
    expect(writer.waitingCount).toBe(0);
    expect(read(1).wantsRoom).toBe(false);
    expect(firstFault(read().entries, 11)).toBe(-1);
  });

  it('behaves as a queue under any interleaving of pushes, flushes and drains', () => {
    const { push, read, writer } = ringEnds();
    const random = seededNumbers(17)(6000, 0.5).map((value) => value + 0.5);
    const seen: Entry[] = [];
    let pushed = 0;
    let overflows = 0;
    let isTold = false;
    for (let at = 0; at + 1 < random.length; at += 2) {
      const [choice, size] = [random[at], random[at + 1]];
      if (choice < 0.45) {
        const count = Math.floor(size * (choice < 0.02 ? capacity * 2 : 200));
        push(pushed, pushed + count);
        pushed += count;
        isTold &&= count === 0;
        if (writer.waitingCount > 0) overflows++;
      } else if (choice < 0.6) {
        writer.flush();
        isTold = false;
      } else if (choice < 0.75) {
        const { entries: some, wantsRoom } = read(choice < 0.68 ? 1 + size * 100 : undefined);
        seen.push(...some);
        isTold ||= wantsRoom;
        // A writer that is not told would never flush.
        if (writer.waitingCount > 0) expect(isTold || some.length === 0).toBe(true);
      }
    }
    for (let before = -1; before !== seen.length; ) {
      before = seen.length;
      writer.flush();
      seen.push(...read().entries);
    }
    expect(overflows).toBeGreaterThan(10);
    expect([seen.length, firstFault(seen, 0)]).toEqual([pushed, -1]);
  });
});
