import { describe, expect, it } from 'vitest';

import { alreadyExists, invalidArgument, unavailable } from '../../src/errors.ts';
import type { ControlSettings, ModelControl } from '../../src/lifecycle/model-control.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeSource } from './fake-source.ts';
import { FakeView } from './fake-view.ts';
import { quietControl } from './quiet-control.ts';

interface Story {
  readonly control: ModelControl;
  readonly view: FakeView;
  readonly clock: FakeClock;
}

function newControl(settings: Partial<ControlSettings> = {}): Story {
  const view = new FakeView();
  const clock = new FakeClock();
  const control = quietControl(view, clock, 100, settings);
  return { control, view, clock };
}

const isPlainLoad = { config: null, files: new Map<string, Uint8Array>() };
const brokenConfig = async (): Promise<FakeSource> => {
  throw invalidArgument("config.pbtxt:1:1: unknown field 'nmae'");
};

async function indexLines(control: ModelControl, readyOnly = false): Promise<string[]> {
  const entries = await control.indexOf(await control.indexNames(), readyOnly);
  return entries.map(({ name, version, state, reason }) => [name, version, state, reason].join('|'));
}

describe('start-up', () => {
  it('loads every model in the modes none and poll', async () => {
    const { control, view } = newControl({ mode: 'none' });
    view.put('a', '1');
    view.put('b', '1');
    expect(control.isReady(false)).toBe(false);
    expect(await control.start()).toEqual([]);
    expect(await indexLines(control)).toEqual(['a|1|READY|', 'b|1|READY|']);
    expect(control.isReady(true)).toBe(true);
  });

  it('loads only the requested models in explicit mode', async () => {
    const { control, view } = newControl({ startupModels: ['b'] });
    view.put('a', '1');
    view.put('b', '1');
    expect(await control.start()).toEqual([]);
    expect(await indexLines(control)).toEqual(['a|||', 'b|1|READY|']);
  });

  it('loads all in explicit mode for a star', async () => {
    const { control, view } = newControl({ startupModels: ['*'] });
    view.put('a', '1');
    expect(await control.start()).toEqual([]);
    expect(await indexLines(control)).toEqual(['a|1|READY|']);
  });

  it('names the models that failed and serves the others', async () => {
    const { control, view } = newControl({ mode: 'none' });
    view.put('good', '1');
    view.put('bad', '1', brokenConfig);
    expect(await control.start()).toEqual(['bad']);
    expect(await indexLines(control)).toEqual([
      "bad||UNAVAILABLE|config.pbtxt:1:1: unknown field 'nmae'",
      'good|1|READY|',
    ]);
    expect(control.isReady(true)).toBe(false);
    expect(control.isReady(false)).toBe(true);
  });

  it('names a start-up model that no repository has', async () => {
    const { control } = newControl({ startupModels: ['missing'] });
    expect(await control.start()).toEqual(['missing']);
  });
});

describe('explicit control', () => {
  it('loads, unloads, and filters the index by readiness', async () => {
    const { control, view } = newControl();
    await control.start();
    view.put('a', '1');
    view.put('b', '1');
    await control.load('a', isPlainLoad);
    expect(await indexLines(control, true)).toEqual(['a|1|READY|']);
    await control.unload('a', false);
    expect(await indexLines(control, true)).toEqual([]);
  });

  it('tells why a model could not be read, in Triton’s words first', async () => {
    const { control, view } = newControl();
    view.put('bad', '1', brokenConfig);
    await expect(control.load('bad', isPlainLoad)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: "failed to load 'bad', failed to poll from model repository: config.pbtxt:1:1: unknown field 'nmae'",
    });
    await expect(control.load('missing', isPlainLoad)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('remembers nothing of models that do not exist', async () => {
    const { control } = newControl();
    await control.load('ghost', isPlainLoad).catch(() => undefined);
    expect(await indexLines(control)).toEqual([]);
    expect(() => control.find('ghost', '')).toThrow("Request for unknown model: 'ghost' is not found");
  });

  it('takes unloading of an unknown model as done', async () => {
    const { control } = newControl();
    await expect(control.unload('ghost', false)).resolves.toBeUndefined();
  });

  it('loads from the files of the call', async () => {
    const { control, view } = newControl();
    const brought = { config: '{}', files: new Map([['9/model.onnx', new Uint8Array(1)]]) };
    await control.load('m', brought);
    expect(view.broughtFiles).toBe(brought);
    expect(await indexLines(control)).toEqual(['m|9|READY|']);
  });

  it('keeps the lines of all versions of a folder that was served from files of a call, as Triton does', async () => {
    const { control, view } = newControl();
    const sources: FakeSource[] = [];
    view.put('m', '1', async () => {
      const source = new FakeSource([1]);
      sources.push(source);
      return source;
    });
    await control.load('m', isPlainLoad);
    const brought = { config: '{}', files: new Map([['9/model.onnx', new Uint8Array(1)]]) };
    await control.load('m', brought);
    await control.load('only-brought', brought);
    const drained = async (): Promise<void> => {
      for (const { loaded } of [...sources, ...view.broughtSources]) {
        for (const version of loaded.values()) version.finishDrain();
      }
      await new Promise((resolve) => setImmediate(resolve));
    };
    await control.unload('m', false);
    await control.unload('only-brought', false);
    await drained();
    expect(await indexLines(control)).toEqual(['m|1|UNAVAILABLE|unloaded', 'm|9|UNAVAILABLE|unloaded']);
    await control.load('m', isPlainLoad);
    expect(await indexLines(control)).toEqual(['m|1|READY|', 'm|9|UNAVAILABLE|unloaded']);
    await control.unload('m', false);
    await drained();
    expect(await indexLines(control)).toEqual(['m|1|UNAVAILABLE|unloaded', 'm|9|UNAVAILABLE|unloaded']);
  });

  it.each(['', '..', 'a/b'])('refuses the model name %j', async (name) => {
    const { control } = newControl();
    await expect(control.load(name, isPlainLoad)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('becomes ready when a model that failed at start-up is unloaded or loads after all', async () => {
    const { control, view } = newControl({ startupModels: ['a', 'b'] });
    view.put('a', '1', brokenConfig);
    view.put('b', '1', brokenConfig);
    await control.start();
    await control.unload('a', false);
    expect(control.isReady(true)).toBe(false);
    view.put('b', '2');
    await control.load('b', isPlainLoad);
    expect(control.isReady(true)).toBe(true);
  });

  it('stays ready when a load call fails', async () => {
    const { control, view } = newControl();
    await control.start();
    view.put('bad', '1', brokenConfig);
    await control.load('bad', isPlainLoad).catch(() => undefined);
    expect(control.isReady(true)).toBe(true);
  });

  it('stays ready while a model loads for the first time', async () => {
    const { control, view } = newControl();
    await control.start();
    const source = new FakeSource([1], { holds: true });
    view.put('slow', '1', async () => source);
    const loaded = control.load('slow', isPlainLoad);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(await indexLines(control)).toEqual(['slow|1|LOADING|']);
    expect(control.isReady(true)).toBe(true);
    source.continueLoading();
    await loaded;
    expect(control.find('slow', '').version).toBe(1);
  });
});

describe('a repository that is not there at the start', () => {
  it.each([
    { mode: 'none' as const, startupModels: [] },
    { mode: 'poll' as const, startupModels: [] },
    { mode: 'explicit' as const, startupModels: ['*'] },
    { mode: 'explicit' as const, startupModels: ['a'] },
    { mode: 'explicit' as const, startupModels: [] },
  ])('is waited for where that is asked for, and nothing is ready meanwhile: %o', async (settings) => {
    const { control, view, clock } = newControl({ ...settings, waitsForRepository: true });
    view.put('a', '1');
    view.failure = unavailable('model repository is not there');
    // Ports open before the start, and a probe may be faster than the first look at the repository.
    expect(control.isWaitingForRepository).toBe(true);
    const started = control.start();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect([control.isWaitingForRepository, control.isReady(false)]).toEqual([true, false]);
    view.failure = null;
    clock.advance(1000);
    expect(await started).toEqual([]);
    expect([control.isWaitingForRepository, control.isReady(true)]).toEqual([false, true]);
    const isLoaded = settings.mode !== 'explicit' || settings.startupModels.length > 0;
    expect(control.readyVersions('a')).toHaveLength(isLoaded ? 1 : 0);
  });

  it('ends the start elsewhere', async () => {
    const { control, view } = newControl({ mode: 'none' });
    view.failure = unavailable('model repository is not there');
    await expect(control.start()).rejects.toThrow('is not there');
  });
});

describe('a model that is no longer there', () => {
  it('differs from one that never existed, also when its folder has disappeared', async () => {
    const { control, view, clock } = newControl({ mode: 'poll' });
    const source = new FakeSource([1]);
    view.put('a', '1', async () => source);
    await control.start();
    view.models.delete('a');
    for (let i = 0; i < 4; i++) {
      clock.advance(1000);
      source.loaded.get(1)?.finishDrain();
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    }
    expect(await indexLines(control)).toEqual([]);
    expect(() => control.find('a', '')).toThrow("Request for unknown model: 'a' has no available versions");
    expect(() => control.find('a', '1')).toThrow("'a' version 1 is not at ready state");
    expect(() => control.find('b', '')).toThrow("Request for unknown model: 'b' is not found");
  });

  it('does not serve while two repositories have it', async () => {
    const { control, view, clock } = newControl({ mode: 'poll' });
    view.put('a', '1');
    await control.start();
    view.put('a', '2', async () => {
      throw alreadyExists('model appears in two or more repositories');
    });
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    }
    expect(() => control.find('a', '')).toThrow('has no available versions');
    expect((await control.indexOf(await control.indexNames(), false)).map(({ reason }) => reason)).toContain(
      'model appears in two or more repositories',
    );
  });
});

describe('a configuration that a call brought', () => {
  it('stays in force until config.pbtxt changes or the model is unloaded', async () => {
    const { control, view } = newControl();
    await control.start();
    view.put('m', '1');
    const load = (config: string | null) => control.load('m', { config, files: new Map() });
    await load('{"max_batch_size":16}');
    await load(null);
    expect(view.overrides).toEqual(['{"max_batch_size":16}', '{"max_batch_size":16}']);
    view.put('m', '2', async () => new FakeSource([1]), [], 'another config.pbtxt');
    await load(null);
    expect(view.overrides).toHaveLength(2);
    await load('{"max_batch_size":16}');
    await control.unload('m', false);
    await load(null);
    expect(view.overrides).toHaveLength(3);
  });
});

describe('the other modes', () => {
  it.each(['none', 'poll'] as const)('refuse load and unload calls in mode %s and name the flag', async (mode) => {
    const { control } = newControl({ mode });
    const expected = { code: 'unavailable', message: expect.stringContaining('--model-control-mode=explicit') };
    await expect(control.load('m', isPlainLoad)).rejects.toMatchObject(expected);
    await expect(control.unload('m', false)).rejects.toMatchObject(expected);
  });

  it('follow the repository in mode poll, each model on its own', async () => {
    const { control, view, clock } = newControl({ mode: 'poll' });
    view.put('a', '1');
    await control.start();
    view.put('a', '2', brokenConfig);
    view.put('b', '1');
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    }
    expect(await indexLines(control)).toEqual(["a|1|READY|config.pbtxt:1:1: unknown field 'nmae'", 'b|1|READY|']);
  });
});

describe('statistics', () => {
  it('are refused for models and versions that do not serve', async () => {
    const { control, view } = newControl();
    view.put('a', '1');
    await control.load('a', isPlainLoad);
    expect(() => control.statistics('b', '')).toThrow("requested model 'b' is not available");
    expect(() => control.statistics('a', '2')).toThrow("requested model version is not available for model 'a'");
  });

  it('are refused for a text that is no version before the model is looked up', () => {
    const { control } = newControl();
    for (const asked of [(text: string) => control.statistics('b', text), (text: string) => control.readyNames(text)]) {
      expect(() => asked('x')).toThrow("version string 'x' (details: stol)");
      expect(() => asked('-1')).toThrow("invalid model version specified '-1'");
    }
  });

  it('are of ready models by name, and leave out those that have gone since', async () => {
    const { control, view } = newControl();
    for (const name of ['b', 'c', 'a']) {
      view.put(name, '1');
      await control.load(name, isPlainLoad);
    }
    expect(control.readyNames('')).toEqual(['a', 'b', 'c']);
    await control.unload('b', false);
    expect(control.statisticsOf(['b', 'unknown'])).toEqual([]);
    expect(control.readyNames('')).toEqual(['a', 'c']);
  });
});

describe('a version', () => {
  it.each(['9007199254740993', '9223372036854775807'])('%s is one that could be', async (version) => {
    const { control, view } = newControl();
    view.put('a', '1');
    await control.load('a', isPlainLoad);
    expect(() => control.find('a', version)).toThrow(`'a' version ${version} is not found`);
    expect(() => control.find('b', version)).toThrow("Request for unknown model: 'b' is not found");
  });

  it.each(['9223372036854775808', '-9223372036854775809', '9'.repeat(65), '1a', ' 1'])(
    '%s is none',
    async (version) => {
      const { control, view } = newControl();
      view.put('a', '1');
      await control.load('a', isPlainLoad);
      const text = `failed to get model version from specified version string '${version}' (details: stol)`;
      expect(() => control.find('a', version)).toThrow(text);
      expect(() => control.find('b', version)).toThrow(text);
    },
  );
});
