/** Models that need others, as aliases do: the order of loads, cycles, and what happens to them when a needed model changes. */

import { describe, expect, it } from 'vitest';

import { invalidArgument } from '../../src/errors.ts';
import type { ControlSettings, ModelControl } from '../../src/lifecycle/model-control.ts';
import type { ModelRef } from '../../src/lifecycle/servable.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeSource } from './fake-source.ts';
import { FakeView } from './fake-view.ts';
import { quietControl } from './quiet-control.ts';

const isPlainLoad = { config: null, files: new Map<string, Uint8Array>() };

class Story {
  readonly view = new FakeView();
  readonly clock = new FakeClock();
  readonly control: ModelControl;
  readonly sources = new Map<string, FakeSource>();
  #fingerprints = 0;

  constructor(settings: Partial<ControlSettings> = {}) {
    // Models that wait for each other must not take the places of those that they wait for.
    this.control = quietControl(this.view, this.clock, 1, settings);
  }

  /** Writes a folder whose files are unlike those before. */
  put(name: string, needs: string | ModelRef | null = null, versions = [1], failing = new Map<number, Error>()): void {
    const ref = typeof needs === 'string' ? { model: needs, version: null } : needs;
    this.view.put(name, String(this.#fingerprints++), async () => {
      const source = new FakeSource(versions, { needs: ref ? [ref] : [], failing, changed: versions });
      this.sources.set(name, source);
      return source;
    });
  }

  load(name: string): Promise<void> {
    return this.control.load(name, isPlainLoad);
  }

  async states(): Promise<string[]> {
    const entries = await this.control.indexOf(await this.control.indexNames(), false);
    return entries.map(({ name, version, state }) => `${name} ${version} ${state}`.trim());
  }

  /** The version that another one holds. */
  held(name: string): string {
    const [version] = this.sources.get(name)?.needed ?? [];
    return `${version?.model} ${version?.version} ${version?.state}`;
  }

  /** Lets everything go on that waits for nothing. */
  async rest(): Promise<void> {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  }
}

describe('a model that needs another one', () => {
  it('waits for it at the start, for any names and with a single load slot', async () => {
    const story = new Story({ mode: 'none' });
    story.put('a', 'b');
    story.put('b', 'c');
    story.put('c');
    expect(await story.control.start()).toEqual([]);
    expect(await story.states()).toEqual(['a 1 READY', 'b 1 READY', 'c 1 READY']);
    expect([story.held('a'), story.held('b')]).toEqual(['b 1 ready', 'c 1 ready']);
  });

  it('loads it in explicit mode, and says why it could not', async () => {
    const story = new Story();
    await story.control.start();
    story.put('a', 'b');
    story.put('b', 'c');
    await expect(story.load('a')).rejects.toThrow(
      "model 'a' depends on 'b' which has no loaded version. Model 'b' loading failed with error: model 'b' depends on " +
        "'c' which has no loaded version. Model 'c' loading failed with error: failed to load 'c'",
    );
    story.put('c');
    await story.load('a');
    expect(await story.states()).toEqual(['a 1 READY', 'b 1 READY', 'c 1 READY']);
  });

  it('needs one version where it names one', async () => {
    const story = new Story();
    await story.control.start();
    story.put('b', null, [1, 3]);
    story.put('a', { model: 'b', version: 1 });
    await story.load('a');
    expect(story.held('a')).toBe('b 1 ready');
    story.put('c', { model: 'b', version: 2 });
    await expect(story.load('c')).rejects.toThrow(
      "model 'c' depends on 'b' which has no loaded version 2, it serves 1, 3",
    );
  });

  it.each(['none', 'explicit'] as const)('must not need itself in any number of steps (mode %s)', async (mode) => {
    const story = new Story({ mode });
    story.put('a', 'b');
    story.put('b', 'c');
    story.put('c', 'a');
    story.put('self', 'self');
    story.put('other');
    if (mode === 'none') expect(await story.control.start()).toEqual(['a', 'b', 'c', 'self']);
    else {
      await story.control.start();
      await expect(story.load('a')).rejects.toThrow("model 'c' needs itself: c → a → b → c");
      await expect(story.load('self')).rejects.toThrow("model 'self' needs itself: self → self");
      await story.load('other');
    }
    expect(await story.states()).toContain('other 1 READY');
    const reasons = (await story.control.indexOf(await story.control.indexNames(), false)).map(({ reason }) => reason);
    expect(reasons.some((reason) => /needs itself: (. → ){3}./.test(reason))).toBe(true);
  });

  it('begins a row of eight models at most', async () => {
    const story = new Story();
    await story.control.start();
    for (let i = 1; i <= 8; i++) story.put(`m${i}`, `m${i + 1}`);
    story.put('m9');
    await story.load('m2');
    await expect(story.load('m1')).rejects.toThrow("model 'm1' begins a row of 9 models that need each other");
  });
});

describe('when a needed model changes', () => {
  async function twoModels(version: number | null = null): Promise<Story> {
    const story = new Story();
    await story.control.start();
    story.put('b');
    story.put('a', { model: 'b', version });
    await story.load('a');
    return story;
  }

  it('moves to its new version, and the old one goes when it is given up', async () => {
    const story = await twoModels();
    const [oldA, oldB] = [story.sources.get('a')?.loaded.get(1), story.sources.get('b')?.loaded.get(1)];
    const old = story.control.find('b', '');
    story.put('b', null, [2]);
    await story.load('b');
    await story.rest();
    expect(story.held('a')).toBe('b 2 ready');
    // Requests that the old life of `a` has accepted are still with the old version of `b`.
    expect(oldA?.isDraining).toBe(true);
    expect([old.state, oldB?.isDraining]).toEqual(['draining', false]);
    oldA?.finishDrain();
    await story.rest();
    expect(oldB?.isDraining).toBe(true);
    oldB?.finishDrain();
    await story.rest();
    expect(old.state).toBe('gone');
    expect(await story.states()).toEqual(['a 1 READY', 'b 1 UNAVAILABLE', 'b 2 READY']);
  });

  it('stays with a version that it names, until that goes', async () => {
    const story = await twoModels(1);
    story.put('b', null, [1, 2]);
    await story.load('b');
    await story.rest();
    expect(story.held('a')).toBe('b 1 ready');
    story.put('b', null, [2]);
    await story.load('b');
    await story.rest();
    const entries = await story.control.indexOf(await story.control.indexNames(), false);
    expect(entries.find(({ name }) => name === 'a')?.reason).toBe(
      "model 'a' depends on 'b' which has no loaded version 1, it serves 2",
    );
    expect(() => story.control.find('a', '')).toThrow('no available versions');
  });

  it('goes on when a reload of it fails', async () => {
    const story = await twoModels();
    story.put('b', null, [1], new Map([[1, invalidArgument('broken')]]));
    await expect(story.load('b')).rejects.toThrow('broken');
    await story.rest();
    expect(story.held('a')).toBe('b 1 ready');
    expect(story.control.find('a', '1').state).toBe('ready');
  });

  it('leaves service with it, with the reason, and returns with it', async () => {
    const story = await twoModels();
    story.put('top', 'a');
    await story.load('top');
    await story.control.unload('b', false);
    await story.rest();
    for (const name of ['a', 'top']) expect(() => story.control.find(name, '')).toThrow('no available versions');
    const reasonOf = async (name: string): Promise<string | undefined> =>
      (await story.control.indexOf(await story.control.indexNames(), false)).find(
        (entry) => entry.name === name && entry.state === 'UNAVAILABLE',
      )?.reason;
    for (const name of ['a', 'b', 'top']) {
      story.sources.get(name)?.loaded.get(1)?.finishDrain();
      await story.rest();
    }
    expect(await reasonOf('a')).toBe("model 'a' depends on 'b' which has no loaded version");
    expect(await reasonOf('top')).toContain(
      "model 'top' depends on 'a' which has no loaded version. Model 'a' loading",
    );
    await story.load('b');
    await story.rest();
    expect(await story.states()).toEqual(['a 1 READY', 'b 1 READY', 'top 1 READY']);
  });

  it('does not return after it was unloaded itself', async () => {
    const story = await twoModels();
    await story.control.unload('b', false);
    await story.control.unload('a', false);
    await story.load('b');
    await story.rest();
    expect(() => story.control.find('a', '')).toThrow('no available versions');
  });

  it('unloads the needed models if asked to, but none that others need', async () => {
    const story = await twoModels();
    story.put('other', 'b');
    await story.load('other');
    await story.control.unload('a', true);
    expect(story.control.find('b', '').state).toBe('ready');
    await story.control.unload('other', true);
    expect(() => story.control.find('b', '')).toThrow('no available versions');

    await story.load('b');
    await story.load('a');
    await story.control.unload('a', true);
    expect(story.control.find('b', '').state).toBe('ready');
  });

  it('is loaded by the poll when the needed model comes later', async () => {
    const story = new Story({ mode: 'poll' });
    story.put('a', 'b');
    expect(await story.control.start()).toEqual(['a']);
    expect(story.control.isReady(true)).toBe(false);
    story.put('b');
    for (let i = 0; i < 3; i++) {
      story.clock.advance(1000);
      await story.rest();
    }
    expect(await story.states()).toEqual(['a 1 READY', 'b 1 READY']);
    expect(story.control.isReady(true)).toBe(true);
    story.put('a', null, [4]);
    for (let i = 0; i < 3; i++) {
      story.clock.advance(1000);
      await story.rest();
    }
    expect(story.control.readyVersions('a').map(({ version }) => version)).toEqual([4]);
  });

  it('holds no lease when the server stops', async () => {
    const story = await twoModels();
    const stopped = story.control.stop();
    for (const name of ['a', 'b']) {
      await story.rest();
      story.sources.get(name)?.loaded.get(1)?.finishDrain();
    }
    await stopped;
    for (const name of ['a', 'b']) {
      expect(story.sources.get(name)?.loaded.get(1)?.isClosed).toBe(true);
      expect(story.sources.get(name)?.isReleased).toBe(true);
    }
  });
});
