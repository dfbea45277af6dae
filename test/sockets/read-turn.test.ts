import { describe, expect, it } from 'vitest';
import {
  leastShareMs,
  lightMs,
  mostShareMs,
  ReadTurn,
  smallReadBytes,
  smallReadMs,
  stepsPerLook,
  turnMs,
} from '../../src/sockets/read-turn.ts';
import { systemClock } from '../../src/time.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { HeldReadTurn } from './held-read-turn.ts';

const nextTurn = () => new Promise(setImmediate);

function sceneOf() {
  const clock = new FakeClock();
  const turn = new HeldReadTurn(clock);
  /** A share with steps of this length: how many were done before it was over. */
  const steps = (stepMs: number, most = 10_000, bytes = 100_000): number => {
    let done = 0;
    if (turn.begin(bytes)) {
      while (done < most) {
        clock.advance(stepMs);
        done++;
        if (turn.isOver()) break;
      }
    }
    turn.end();
    return done;
  };
  return { clock, turn, steps };
}

describe('ReadTurn', () => {
  it('lets those that wait go on in the next turn, in the order in which they came', async () => {
    const gone: string[] = [];
    const turn = new ReadTurn(systemClock);
    turn.wait({ takeTurn: () => gone.push('a') });
    turn.wait({ takeTurn: () => gone.push('b') });
    await Promise.resolve();
    expect(gone).toEqual([]);
    await nextTurn();
    expect(gone).toEqual(['a', 'b']);
    await nextTurn();
    expect(gone).toEqual(['a', 'b']);
  });

  it('lets one wait again while others go on', () => {
    const gone: string[] = [];
    const { turn } = sceneOf();
    const again = { takeTurn: () => gone.push('again') };
    turn.wait({ takeTurn: () => turn.wait(again) });
    turn.wait({ takeTurn: () => gone.push('other') });
    turn.endTurn();
    expect(gone).toEqual(['other']);
    turn.endTurn();
    expect([gone, turn.isAwaited]).toEqual([['other', 'again'], false]);
  });

  it('gives a socket that is alone the largest share, and ends it at a step', () => {
    const { steps } = sceneOf();
    const wanted = mostShareMs / 0.125;
    expect(steps(0.125)).toBe(Math.ceil(wanted / stepsPerLook) * stepsPerLook);
  });

  it('gives each the share that waiting ones leave, and not less than the least', () => {
    const { turn, steps } = sceneOf();
    const share = () => steps(0.0078125) * 0.0078125;
    for (let i = 0; i < 5; i++) turn.wait({ takeTurn: () => undefined });
    expect(share()).toBeCloseTo(turnMs / 6, 0);
    for (let i = 0; i < 500; i++) turn.wait({ takeTurn: () => undefined });
    expect(share()).toBeCloseTo(leastShareMs, 1);
  });

  it('is over for sockets that become readable when others have used its time', () => {
    const { turn, steps } = sceneOf();
    const done: number[] = [];
    for (let i = 0; i < 5; i++) done.push(steps(1, 6));
    expect(done).toEqual([6, 6, 0, 0, 0]);
    turn.endTurn();
    expect(steps(1, 6)).toBe(6);
  });

  it('is over later for few bytes, but not never', () => {
    const { steps } = sceneOf();
    for (let i = 0; i < 2; i++) steps(1, 6);
    expect(steps(1, 6)).toBe(0);
    const small: number[] = [];
    for (let i = 0; i < 10; i++) small.push(steps(1, 6, smallReadBytes));
    expect(small.filter((done) => done > 0)).toHaveLength(smallReadMs / 6);
    expect(small.at(-1)).toBe(0);
  });

  it('lets as many of the waiting go on as its time allows, then the others before those that wait again', () => {
    const { turn, clock } = sceneOf();
    const gone: number[] = [];
    for (let i = 0; i < 10; i++) {
      const taker = {
        takeTurn() {
          gone.push(i);
          clock.advance(turnMs / 4);
          turn.wait(taker);
        },
      };
      turn.wait(taker);
    }
    for (let i = 0; i < 3; i++) turn.endTurn();
    expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  });

  it('asks for the end of a turn only when reads have taken notable time, in one turn or in several', () => {
    const { turn, steps } = sceneOf();
    const stepMs = 0.125;
    for (let turns = 0; turns < 3; turns++) {
      for (let taken = stepMs; taken < lightMs; taken += stepMs) steps(stepMs, 1);
      expect(turn.isAwaited).toBe(false);
      steps(stepMs, 1);
      expect(turn.isAwaited).toBe(true);
      turn.endTurn();
    }
  });
});
