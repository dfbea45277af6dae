import { describe, expect, it } from 'vitest';

import { InferenceError, invalidArgument, unavailable } from '../../src/errors.ts';
import { loadSlots } from '../../src/lifecycle/load-slots.ts';
import { ModelLifecycle } from '../../src/lifecycle/model-lifecycle.ts';
import type { VersionState } from '../../src/lifecycle/version-state.ts';
import { versionNumber } from '../../src/lifecycle/version-table.ts';
import { NeededModels } from '../../src/lifecycle/needed-models.ts';
import { NeedsGraph } from '../../src/lifecycle/needs-graph.ts';
import { silentLogger } from '../../src/logger.ts';
import { systemClock } from '../../src/time.ts';
import { FakeSource } from './fake-source.ts';
import { sighting } from './fake-view.ts';

interface Story {
  readonly lifecycle: ModelLifecycle;
  readonly moves: string[];
}

function newLife(retryCount = 0): Story {
  const moves: string[] = [];
  const lifecycle = new ModelLifecycle(
    'm',
    {
      clock: systemClock,
      loadSlots: loadSlots(100),
      logger: silentLogger,
      retryCount,
      needed: new NeededModels({
        graph: new NeedsGraph(),
        lifecycle: () => undefined,
        load: null,
        onServing: () => undefined,
      }),
      onReleaseError: (error) => {
        throw error;
      },
      observer: {
        versionMoved: (_model: string, version: number, _from: VersionState, to: VersionState) =>
          moves.push(`${version} ${to}`),
      },
    },
    { forget: () => moves.push('forget') },
  );
  return { lifecycle, moves };
}

let looks = 0;

/** A wish to serve this source, which is unlike all others. */
function apply(lifecycle: ModelLifecycle, source: FakeSource): Promise<void> {
  const seen = sighting(String(looks++), async () => source);
  return lifecycle.fulfil({ kind: 'load', by: 'call', look: async () => seen, peek: async () => seen.fingerprint });
}

const unload = { kind: 'unload', by: 'call' } as const;

const states = (lifecycle: ModelLifecycle): string[] =>
  lifecycle.table.index().map(({ version, state, reason }) => `${version} ${state} ${reason}`.trim());

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
    const { lifecycle } = newLife();
    await apply(lifecycle, new FakeSource([1, 3]));
    expect(lifecycle.table.find('').version).toBe(3);
    expect(lifecycle.table.find('1').version).toBe(1);
    expect(states(lifecycle)).toEqual(['1 READY', '3 READY']);
  });

  it('names the fault of a version that does not serve', async () => {
    const { lifecycle } = newLife();
    expect(codeOf(() => lifecycle.table.find(''))).toBe(
      "not_found: Request for unknown model: 'm' has no available versions",
    );
    await apply(lifecycle, new FakeSource([1]));
    expect(codeOf(() => lifecycle.table.find('2'))).toBe(
      "not_found: Request for unknown model: 'm' version 2 is not found",
    );
    expect(codeOf(() => lifecycle.table.find('0'))).toContain('not_found');
    expect(codeOf(() => lifecycle.table.find('abc'))).toContain('invalid_argument: failed to get model version');
  });

  it('keeps the old version serving until the new one is ready, and drains it then', async () => {
    const { lifecycle, moves } = newLife();
    const first = new FakeSource([1]);
    await apply(lifecycle, first);
    const second = new FakeSource([2], { holds: true });
    const applied = apply(lifecycle, second);
    await turns();
    expect(lifecycle.table.find('').version).toBe(1);
    expect(states(lifecycle)).toEqual(['1 READY', '2 LOADING']);

    second.continueLoading();
    await applied;
    expect(lifecycle.table.find('').version).toBe(2);
    expect(states(lifecycle)).toEqual(['1 UNLOADING', '2 READY']);
    expect(first.loaded.get(1)?.isClosed).toBe(false);
    expect(first.isReleased).toBe(false);

    first.loaded.get(1)?.finishDrain();
    await lifecycle.settled();
    expect(first.loaded.get(1)?.isClosed).toBe(true);
    expect(first.isReleased).toBe(true);
    expect(states(lifecycle)).toEqual(['1 UNAVAILABLE unloaded', '2 READY']);
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
    const { lifecycle } = newLife();
    await apply(lifecycle, new FakeSource([1]));
    const broken = new FakeSource([1, 2], { failing: new Map([[2, invalidArgument('no such operator')]]) });
    await expect(apply(lifecycle, broken)).rejects.toThrow(
      "load failed for model 'm': version 2 is at UNAVAILABLE state: Invalid argument: no such operator;",
    );
    expect(lifecycle.table.find('').version).toBe(1);
    expect(states(lifecycle)).toEqual(['1 READY', '2 UNAVAILABLE Invalid argument: no such operator']);
    expect(broken.isReleased).toBe(true);
  });

  it('drops the good half of a load whose other half failed', async () => {
    const { lifecycle } = newLife();
    const source = new FakeSource([1, 2], { failing: new Map([[1, invalidArgument('broken')]]) });
    const applied = expect(apply(lifecycle, source)).rejects.toThrow('version 1 is at UNAVAILABLE state');
    await turns();
    source.loaded.get(2)?.finishDrain();
    await applied;
    expect(source.loaded.get(2)?.isClosed).toBe(true);
    expect(lifecycle.table.ready).toEqual([]);
    expect(codeOf(() => lifecycle.table.find('1'))).toContain('unavailable');
  });

  it('reloads only the versions whose files changed', async () => {
    const { lifecycle } = newLife();
    await apply(lifecycle, new FakeSource([1, 2]));
    const [one, two] = lifecycle.table.ready;
    const next = new FakeSource([1, 2], { changed: [2] });
    await apply(lifecycle, next);
    expect(next.loadCount).toBe(1);
    expect(lifecycle.table.find('1')).toBe(one);
    expect(lifecycle.table.find('2')).not.toBe(two);
  });

  it('changes instances in place without a reload', async () => {
    const { lifecycle, moves } = newLife();
    const first = new FakeSource([1]);
    await apply(lifecycle, first);
    const next = new FakeSource([1], { adjustsInstances: true });
    await apply(lifecycle, next);
    expect(first.loaded.get(1)?.adjustedTo).toBe(next.config);
    expect(moves).toEqual(['1 loading', '1 warming', '1 ready']);
  });

  it('refuses a source without versions and keeps the serving ones', async () => {
    const { lifecycle } = newLife();
    await apply(lifecycle, new FakeSource([1]));
    await expect(apply(lifecycle, new FakeSource([]))).rejects.toThrow(
      /^load failed for model '.*': at least one version must be available/,
    );
    expect(lifecycle.table.find('').version).toBe(1);
  });

  it('is out of service when unload returns, while accepted requests are finished', async () => {
    const { lifecycle } = newLife();
    const source = new FakeSource([1]);
    await apply(lifecycle, source);
    await lifecycle.fulfil(unload);
    expect(codeOf(() => lifecycle.table.find(''))).toContain('has no available versions');
    expect(states(lifecycle)).toEqual(['1 UNLOADING']);
    expect(source.loaded.get(1)?.isDraining).toBe(true);
    source.loaded.get(1)?.finishDrain();
    await lifecycle.settled();
    expect(states(lifecycle)).toEqual(['1 UNAVAILABLE unloaded']);
    expect(source.isReleased).toBe(true);
  });

  it('tries a failed load again as often as it was told to', async () => {
    const { lifecycle } = newLife(2);
    const source = new FakeSource([1], { failing: new Map([[1, unavailable('not yet')]]) });
    await expect(apply(lifecycle, source)).rejects.toThrow('not yet');
    expect(source.loadCount).toBe(3);
  });

  it('ends a load that an unload makes pointless, and is unloaded', async () => {
    const { lifecycle } = newLife();
    const slow = new FakeSource([1], { holds: true });
    const applied = expect(apply(lifecycle, slow)).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('unloaded meanwhile'),
    });
    await turns();
    await lifecycle.fulfil(unload);
    await applied;
    await lifecycle.settled();
    expect(lifecycle.table.ready).toEqual([]);
    expect(slow.isReleased).toBe(true);
  });

  it('ends a load of other files than a newer wish wants, and serves those', async () => {
    const { lifecycle } = newLife();
    const slow = new FakeSource([1], { holds: true });
    const ended = expect(apply(lifecycle, slow)).rejects.toMatchObject({ code: 'cancelled' });
    await turns();
    await apply(lifecycle, new FakeSource([2]));
    await ended;
    expect(lifecycle.table.find('').version).toBe(2);
    expect(slow.isReleased).toBe(true);
  });

  it('lets a load of the same files go on', async () => {
    const { lifecycle } = newLife();
    const slow = new FakeSource([1], { holds: true });
    const seen = sighting('same', async () => slow);
    const wish = { kind: 'load', by: 'call', look: async () => seen, peek: async () => 'same' } as const;
    const both = [lifecycle.fulfil(wish), lifecycle.fulfil(wish)];
    await turns();
    slow.continueLoading();
    await Promise.all(both);
    expect(slow.loadCount).toBe(1);
  });

  it('takes other instances into use for all versions or for none', async () => {
    const { lifecycle } = newLife();
    const first = new FakeSource([1, 2]);
    await apply(lifecycle, first);
    const next = new FakeSource([1, 2], { adjustsInstances: true });
    first.loaded.get(2)?.failResize(invalidArgument('no room'));
    await expect(apply(lifecycle, next)).rejects.toThrow('no room');
    await lifecycle.settled();
    expect([first.loaded.get(1)?.adjustedTo, first.loaded.get(2)?.adjustedTo]).toEqual([null, null]);
    expect(first.loaded.get(1)?.undoCount).toBe(1);
    expect(states(lifecycle)).toEqual(['1 READY no room', '2 READY no room']);
  });

  it('keeps a version that is leased until the lease is given up', async () => {
    const { lifecycle } = newLife();
    const first = new FakeSource([1]);
    await apply(lifecycle, first);
    const lease = lifecycle.table.find('').lease();
    await apply(lifecycle, new FakeSource([2]));
    await turns();
    expect(first.loaded.get(1)?.isDraining).toBe(false);
    lease.release();
    lease.release();
    await turns();
    expect(first.loaded.get(1)?.isDraining).toBe(true);
    first.loaded.get(1)?.finishDrain();
    await lifecycle.settled();
    expect(first.loaded.get(1)?.isClosed).toBe(true);
  });

  it('is forgotten once no version drains, unless there is a new wish by then', async () => {
    const { lifecycle, moves } = newLife();
    const first = new FakeSource([1]);
    await apply(lifecycle, first);
    await lifecycle.fulfil({ kind: 'forget', by: 'poll' });
    await apply(lifecycle, new FakeSource([1]));
    first.loaded.get(1)?.finishDrain();
    await lifecycle.settled();
    await turns();
    expect(moves).not.toContain('forget');
    const second = lifecycle.table.find('');
    await lifecycle.fulfil({ kind: 'forget', by: 'poll' });
    expect(second.state).toBe('draining');
    expect(moves).not.toContain('forget');
  });
});

describe('a version in a request', () => {
  it.each(['1', '42', '9007199254740991'])('may be %s', (text) => {
    expect(versionNumber(text)).toBe(Number(text));
  });

  it.each([
    ['0', 0],
    ['01', 1],
    ['+1', 1],
    ['00', 0],
  ])('may be written as %s', (text, number) => {
    expect(versionNumber(text)).toBe(number);
  });

  it.each(['-1', '-01', '-9223372036854775808'])('may not be %s', (text) => {
    expect(() => versionNumber(text)).toThrow(`invalid model version specified '${text}'`);
  });

  it.each(['abc', '1.0', ' 1', '1e3', '__proto__', '18446744073709551617'])('may not be the word %s', (text) => {
    expect(() => versionNumber(text)).toThrow(`failed to get model version from specified version string '${text}'`);
  });
});
