/** The turn that all links of a thread share, with links that only count. */

import { describe, expect, it } from 'vitest';
import { type EntryReader, LinkTurn } from '../../../src/threads/link/link-turn.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** More than a turn reads. */
const costly = 1e6;

/** A link with entries of equal work, which notes what it has read. */
class CountingLink implements EntryReader {
  readonly name: string;
  readonly log: string[];
  readonly entryWork: number;
  left: number;

  constructor(log: string[], name: string, left: number, entryWork: number) {
    this.log = log;
    this.name = name;
    this.left = left;
    this.entryWork = entryWork;
  }

  get hasMore(): boolean {
    return this.left > 0;
  }

  read(maxWork: number): number {
    let work = 0;
    while (this.left > 0 && work < maxWork) {
      this.left--;
      work += this.entryWork;
      this.log.push(this.name);
    }
    return work;
  }
}

function links(...each: readonly (readonly [name: string, left: number, work: number])[]) {
  const log: string[] = [];
  const all = each.map(([name, left, work]) => new CountingLink(log, name, left, work));
  const turn = new LinkTurn();
  const enter = (): void => {
    for (const link of all) turn.enter(link);
  };
  return { log, all, turn, enter, take: () => log.splice(0).join('') };
}

describe('the turn of all links of a thread', () => {
  it('reads one costly entry of all links, and goes on with the next link in the next turn', async () => {
    const { enter, take } = links(['a', 3, costly], ['b', 2, costly], ['c', 1, costly]);
    enter();
    const turns = [take()];
    for (let i = 0; i < 6; i++) {
      await nextTurn();
      turns.push(take());
    }
    expect(turns).toEqual(['a', 'a', 'b', 'c', 'a', 'b', '']);
  });

  it('leaves to another link what the first does not need', () => {
    const { enter, take } = links(['a', 3, 100], ['b', 2, costly], ['c', 2, 100]);
    enter();
    expect(take()).toBe('aaab');
  });

  it('reads cheap entries of all links at once', () => {
    const { enter, take } = links(['a', 3, 100], ['b', 2, 100], ['c', 2, 100]);
    enter();
    expect(take()).toBe('aaabbcc');
  });

  it('reads no more for a link that is rung again while it waits', async () => {
    const { all, turn, enter, take } = links(['a', 2, costly], ['b', 1, costly]);
    enter();
    enter();
    turn.enter(all[0]);
    expect(take()).toBe('a');
    await nextTurn();
    expect(take()).toBe('a');
    await nextTurn();
    expect(take()).toBe('b');
  });

  it('has its whole measure again in each turn', async () => {
    const { all, turn, take } = links(['a', 0, 10_000]);
    for (let i = 0; i < 20; i++) {
      all[0].left = 6;
      turn.enter(all[0]);
      expect(take()).toBe('aaaaaa');
      await nextTurn();
    }
  });

  it('forgets a link that reads nothing any more', async () => {
    const { all, turn, enter, take } = links(['a', 2, costly], ['b', 1, costly], ['c', 1, costly]);
    enter();
    turn.leave(all[1]);
    turn.leave(all[0]);
    await nextTurn();
    expect(take()).toBe('ac');
  });
});
