/** Two sides of a link in one thread: how much one turn of the event loop reads, and that nothing is left unread. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeLinkEnds } from '../../../src/threads/link/ends.ts';
import { entryWork, LinkTurn } from '../../../src/threads/link/link-turn.ts';
import { LinkSide } from '../../../src/threads/link/side.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeDoorbells, loopTurns } from './link-fixture.ts';

/** More than a turn reads. */
const costly = 1e6;

/** Two sides that note the calls of the entries they read; the offset of an entry is its work. */
function sides() {
  const doorbells = new FakeDoorbells(false);
  const ends = makeLinkEnds();
  const make = (end: (typeof ends)['frontend']) => {
    const read: number[] = [];
    const broken: unknown[] = [];
    let onEntry = (_call: number): void => undefined;
    const side = new LinkSide(
      end,
      doorbells,
      new FakeClock(),
      new LinkTurn(),
      (_kind, call, _page, work) => {
        read.push(call);
        onEntry(call);
        return work;
      },
      (error) => broken.push(error),
    );
    const set = (listener: (call: number) => void): void => {
      onEntry = listener;
    };
    return { side, read, broken, onEntry: set };
  };
  const [left, right] = [make(ends.frontend), make(ends.scheduling)];
  left.side.connect(right.side.doorbell);
  right.side.connect(left.side.doorbell);
  for (const { side } of [left, right]) doorbells.hear(side.doorbell);
  return {
    left,
    right,
    doorbells,
    close() {
      for (const { side } of [left, right]) side.close();
      for (const { pages, control } of [ends.frontend, ends.scheduling]) {
        pages.close();
        control.close();
      }
    },
  };
}

type Sides = ReturnType<typeof sides>;

const push = ({ left }: Sides, from: number, to: number, work: number): void => {
  for (let call = from; call < to; call++) left.side.push(0, call, 0, work);
};

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a side of a link', () => {
  it('reads one costly entry in a turn, and the others in the turns after it without another ring', async () => {
    const all = sides();
    push(all, 0, 4, costly);
    await nextTurn();
    all.doorbells.hear(all.right.side.doorbell);
    expect(all.right.read).toEqual([0]);
    for (let turn = 2; turn <= 4; turn++) {
      await nextTurn();
      expect(all.right.read).toEqual(upTo(turn));
    }
    all.close();
  });

  it('reads a whole ring of entries without records in a turn', async () => {
    const all = sides();
    push(all, 0, 4096, entryWork);
    await nextTurn();
    all.doorbells.hear(all.right.side.doorbell);
    expect(all.right.read.length).toBe(4096);
    all.close();
  });

  it('reads no more in a turn when the doorbell rings again in it', async () => {
    const all = sides();
    push(all, 0, 4, costly);
    await nextTurn();
    all.doorbells.hear(all.right.side.doorbell);
    push(all, 4, 5, costly);
    all.doorbells.ringDoorbell(all.right.side.doorbell);
    all.doorbells.hear(all.right.side.doorbell);
    expect(all.right.read).toEqual([0]);
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    expect(all.right.read).toEqual(upTo(5));
    all.close();
  });

  it('reads nothing after it was closed, also what was left over', async () => {
    const all = sides();
    push(all, 0, 3, costly);
    await nextTurn();
    all.doorbells.hear(all.right.side.doorbell);
    all.right.side.close();
    await loopTurns();
    expect(all.right.read).toEqual([0]);
    all.close();
  });

  it('reads nothing after an entry that broke the link', async () => {
    const all = sides();
    const fault = new Error('impossible');
    all.right.onEntry((call) => {
      if (call === 1) throw fault;
    });
    push(all, 0, 3, costly);
    await nextTurn();
    all.doorbells.hear(all.right.side.doorbell);
    await loopTurns();
    expect(all.right.broken).toEqual([fault]);
    expect(all.right.read).toEqual([0, 1]);
    all.close();
  });

  it('has read everything, in order, once no doorbell is rung and no turn is due', async () => {
    const entries = fc.record({
      kind: fc.constant('push' as const),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 3000, max: 9000 })),
      work: fc.oneof(fc.constant(1), fc.constant(entryWork), fc.constant(20_000)),
    });
    const other = fc.record({ kind: fc.constantFrom('hear left' as const, 'hear right' as const, 'turn' as const) });
    const steps = fc.array(fc.oneof(entries, other, other), { maxLength: 25 });
    const property = fc.asyncProperty(steps, async (commands) => {
      const all = sides();
      const { left, right, doorbells } = all;
      // Each entry is answered by one, so that both rings overflow.
      right.onEntry((call) => right.side.push(0, call, 0, 1));
      let pushed = 0;
      for (const command of commands) {
        if (command.kind === 'push') {
          // Costly ones are few: each is a third of a turn.
          const count = command.work > entryWork ? Math.min(command.count, 60) : command.count;
          push(all, pushed, pushed + count, command.work);
          pushed += count;
        } else if (command.kind === 'turn') await nextTurn();
        else doorbells.hear((command.kind === 'hear left' ? left : right).side.doorbell);
      }
      // Turns that are due show in the number of entries: a turn reads at least one.
      for (let before = -1; before !== left.read.length + right.read.length; ) {
        before = left.read.length + right.read.length;
        await loopTurns();
        for (const { side } of [left, right]) doorbells.hear(side.doorbell);
        await loopTurns();
        for (const { side } of [left, right]) doorbells.hear(side.doorbell);
      }
      all.close();
      const inOrder = [left, right].map(({ read }) => read.every((call, at) => call === at));
      expect({ read: [left.read.length, right.read.length], inOrder }).toEqual({
        read: [pushed, pushed],
        inOrder: [true, true],
      });
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
