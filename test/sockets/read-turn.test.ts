import { describe, expect, it } from 'vitest';
import { ReadTurn } from '../../src/sockets/read-turn.ts';

const nextTurn = () => new Promise(setImmediate);

function socketOf(name: string, resumed: string[]) {
  return {
    destroyed: false,
    paused: false,
    isPaused() {
      return this.paused;
    },
    resume: () => resumed.push(name),
  };
}

describe('ReadTurn', () => {
  it('lets sockets go on in the next turn, in the order in which they came', async () => {
    const resumed: string[] = [];
    const turn = new ReadTurn();
    turn.wait(socketOf('a', resumed));
    turn.wait(socketOf('b', resumed));
    await Promise.resolve();
    expect(resumed).toEqual([]);
    await nextTurn();
    expect(resumed).toEqual(['a', 'b']);
    await nextTurn();
    expect(resumed).toEqual(['a', 'b']);
  });

  it('lets a socket wait again that has filled its buffer while others go on', async () => {
    const resumed: string[] = [];
    const turn = new ReadTurn();
    const again = socketOf('again', resumed);
    turn.wait({ ...again, resume: () => turn.wait(again) });
    turn.wait(socketOf('other', resumed));
    await nextTurn();
    expect(resumed).toEqual(['other']);
    await nextTurn();
    expect(resumed).toEqual(['other', 'again']);
  });

  it('does not resume sockets that were paused or closed meanwhile', async () => {
    const resumed: string[] = [];
    const turn = new ReadTurn();
    const [paused, closed, open] = ['paused', 'closed', 'open'].map((name) => socketOf(name, resumed));
    for (const socket of [paused, closed, open]) turn.wait(socket);
    paused.paused = true;
    closed.destroyed = true;
    await nextTurn();
    expect(resumed).toEqual(['open']);
  });
});
