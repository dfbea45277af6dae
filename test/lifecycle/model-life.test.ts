import { describe, expect, it } from 'vitest';

import { InferenceError, invalidArgument, unavailable } from '../../src/errors.ts';
import { ModelLife, versionNumber } from '../../src/lifecycle/model-life.ts';
import type { VersionState } from '../../src/lifecycle/version-state.ts';
import { systemClock } from '../../src/time.ts';
import { FakeSource } from './fake-source.ts';

interface Story {
  readonly life: ModelLife;
  readonly moves: string[];
}

function newLife(retryCount = 0): Story {
  const moves: string[] = [];
  const life = new ModelLife('m', {
    clock: systemClock,
    loadSlots: (task) => task(),
    retryCount,
    onReleaseError: (error) => {
      throw error;
    },
    observer: {
      versionMoved: (_model: string, version: number, _from: VersionState, to: VersionState) =>
        moves.push(`${version} ${to}`),
    },
  });
  return { life, moves };
}

const states = (life: ModelLife): string[] =>
  life.index().map(({ version, state, reason }) => `${version} ${state} ${reason}`.trim());

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof InferenceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('a model', () => {
  it('serves the newest version when none is asked for', async () => {
    const { life } = newLife();
    await life.apply(new FakeSource([1, 3]));
    expect(life.find('').version).toBe(3);
    expect(life.find('1').version).toBe(1);
    expect(states(life)).toEqual(['1 READY', '3 READY']);
  });

  it('says what is wrong with a version that it does not serve', async () => {
    const { life } = newLife();
    expect(codeOf(() => life.find(''))).toBe("not_found: Request for unknown model: 'm' has no available versions");
    await life.apply(new FakeSource([1]));
    expect(codeOf(() => life.find('2'))).toBe("not_found: Request for unknown model: 'm' version 2 is not found");
    expect(codeOf(() => life.find('0'))).toContain('invalid_argument: invalid model version specified');
    expect(codeOf(() => life.find('abc'))).toContain('invalid_argument: failed to get model version');
  });

  it('keeps the old version serving until the new one is ready, and drains it then', async () => {
    const { life, moves } = newLife();
    const first = new FakeSource([1]);
    await life.apply(first);
    const second = new FakeSource([2], { holds: true });
    const applied = life.apply(second);
    await turns();
    expect(life.find('').version).toBe(1);
    expect(states(life)).toEqual(['1 READY', '2 LOADING']);

    second.continueLoading();
    await applied;
    expect(life.find('').version).toBe(2);
    expect(states(life)).toEqual(['1 UNLOADING', '2 READY']);
    expect(first.loaded.get(1)?.isClosed).toBe(false);
    expect(first.isReleased).toBe(false);

    first.loaded.get(1)?.finishDrain();
    await life.settled();
    expect(first.loaded.get(1)?.isClosed).toBe(true);
    expect(first.isReleased).toBe(true);
    expect(states(life)).toEqual(['2 READY']);
    expect(moves).toEqual([
      '1 loading',
      '1 warming',
      '1 ready',
      '2 loading',
      '2 warming',
      '2 ready',
      '1 draining',
      '1 unloading',
      '1 gone',
    ]);
  });

  it('keeps the old version serving when the new one fails, and tells the reason', async () => {
    const { life } = newLife();
    await life.apply(new FakeSource([1]));
    const broken = new FakeSource([1, 2], { failing: new Map([[2, invalidArgument('no such operator')]]) });
    await expect(life.apply(broken)).rejects.toThrow(
      "load failed for model 'm': version 2 is at UNAVAILABLE state: Invalid argument: no such operator;",
    );
    expect(life.find('').version).toBe(1);
    expect(states(life)).toEqual(['1 READY', '2 UNAVAILABLE Invalid argument: no such operator']);
    expect(broken.isReleased).toBe(true);
  });

  it('drops the good half of a load whose other half failed', async () => {
    const { life } = newLife();
    const source = new FakeSource([1, 2], { failing: new Map([[1, invalidArgument('broken')]]) });
    const applied = expect(life.apply(source)).rejects.toThrow('version 1 is at UNAVAILABLE state');
    await turns();
    source.loaded.get(2)?.finishDrain();
    await applied;
    expect(source.loaded.get(2)?.isClosed).toBe(true);
    expect(life.ready).toEqual([]);
    expect(codeOf(() => life.find('1'))).toContain('unavailable');
  });

  it('reloads only the versions whose files changed', async () => {
    const { life } = newLife();
    await life.apply(new FakeSource([1, 2]));
    const [one, two] = life.ready;
    const next = new FakeSource([1, 2], { changed: [2] });
    await life.apply(next);
    expect(next.loadCount).toBe(1);
    expect(life.find('1')).toBe(one);
    expect(life.find('2')).not.toBe(two);
  });

  it('changes instances in place without a new life', async () => {
    const { life, moves } = newLife();
    const first = new FakeSource([1]);
    await life.apply(first);
    const next = new FakeSource([1], { adjustsInstances: true });
    await life.apply(next);
    expect(first.loaded.get(1)?.adjustedTo).toBe(next.config);
    expect(moves).toEqual(['1 loading', '1 warming', '1 ready']);
  });

  it('refuses a source without versions and keeps what it has', async () => {
    const { life } = newLife();
    await life.apply(new FakeSource([1]));
    await expect(life.apply(new FakeSource([]))).rejects.toThrow('at least one version must be available');
    expect(life.find('').version).toBe(1);
  });

  it('is out of service when unload returns, while accepted requests are finished', async () => {
    const { life } = newLife();
    const source = new FakeSource([1]);
    await life.apply(source);
    await life.unload();
    expect(codeOf(() => life.find(''))).toContain('has no available versions');
    expect(states(life)).toEqual(['1 UNLOADING']);
    expect(source.loaded.get(1)?.isDraining).toBe(true);
    source.loaded.get(1)?.finishDrain();
    await life.settled();
    expect(states(life)).toEqual(['1 UNAVAILABLE unloaded']);
    expect(source.isReleased).toBe(true);
  });

  it('tries a failed load again as often as it was told to', async () => {
    const { life } = newLife(2);
    const source = new FakeSource([1], { failing: new Map([[1, unavailable('not yet')]]) });
    await expect(life.apply(source)).rejects.toThrow('not yet');
    expect(source.loadCount).toBe(3);
  });

  it('does one change after the other', async () => {
    const { life } = newLife();
    const slow = new FakeSource([1], { holds: true });
    const applied = life.apply(slow);
    const unloaded = life.unload();
    await turns();
    expect(life.isLoading).toBe(true);
    slow.continueLoading();
    await applied;
    await unloaded;
    expect(life.ready).toEqual([]);
  });
});

describe('a version in a request', () => {
  it.each(['1', '42', '9007199254740991'])('may be %s', (text) => {
    expect(versionNumber(text)).toBe(Number(text));
  });

  it.each(['0', '-1', '+1', '01', '18446744073709551617', '9007199254740992'])('may not be %s', (text) => {
    expect(() => versionNumber(text)).toThrow(`invalid model version specified '${text}'`);
  });

  it.each(['abc', '1.0', ' 1', '1e3', '__proto__'])('may not be the word %s', (text) => {
    expect(() => versionNumber(text)).toThrow(`failed to get model version from specified version string '${text}'`);
  });
});
