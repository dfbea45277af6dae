import { describe, expect, it } from 'vitest';

import { RepositoryWatch } from '../../src/lifecycle/repository-watch.ts';
import { silentLogger } from '../../src/logger.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeView } from './fake-view.ts';

interface Story {
  readonly view: FakeView;
  readonly clock: FakeClock;
  readonly watch: RepositoryWatch;
  /** `changed name fingerprint` and `gone name`, in order. */
  readonly facts: string[];
}

function newWatch(intervalMs = 15_000): Story {
  const view = new FakeView();
  const clock = new FakeClock();
  const facts: string[] = [];
  const watch = new RepositoryWatch({
    view,
    clock,
    logger: silentLogger,
    intervalMs,
    onChange: async (name, { fingerprint }) => {
      facts.push(`changed ${name} ${fingerprint}`);
    },
    onWaiting: (name, lacks) => {
      facts.push(lacks === null ? `${name} waits no more` : `${name} waits for ${lacks.join(', ')}`);
    },
    onRemoved: async (name) => {
      facts.push(`gone ${name}`);
    },
  });
  return { view, clock, watch, facts };
}

async function advance(clock: FakeClock, ms: number): Promise<void> {
  clock.advance(ms);
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe('a watched repository', () => {
  it('tells a change when two looks agree on it', async () => {
    const { view, clock, watch, facts } = newWatch();
    view.put('m', 'a');
    watch.start();
    await advance(clock, 15_000);
    expect(facts).toEqual([]);
    await advance(clock, 1000);
    expect(facts).toEqual(['changed m a']);
  });

  it('is not looked at again when the interval is 0', async () => {
    const { view, clock, watch, facts } = newWatch(0);
    view.put('m', 'a');
    watch.start();
    await advance(clock, 100_000);
    expect(facts).toEqual([]);
    expect(clock.waitingCount).toBe(0);
  });

  it('leaves a model alone whose files still change, and tells it once they do not', async () => {
    const { view, clock, watch, facts } = newWatch();
    watch.start();
    view.put('m', 'a');
    await advance(clock, 15_000);
    view.put('m', 'b');
    await advance(clock, 1000);
    expect(facts).toEqual(['m waits for files that are still being written']);
    await advance(clock, 15_000);
    await advance(clock, 1000);
    expect(facts.slice(1)).toEqual(['m waits no more', 'changed m b']);
  });

  it('waits for missing files, reports them once, and loads the model when they exist', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    view.put('m', 'no file', undefined, ['2/model.onnx']);
    watch.start();
    for (let i = 0; i < 6; i++) await advance(clock, 1000);
    expect(facts).toEqual(['m waits for 2/model.onnx']);
    view.put('m', 'file, no labels', undefined, ['labels.txt']);
    for (let i = 0; i < 12; i++) await advance(clock, 1000);
    expect(facts.slice(1)).toEqual(
      ['m waits for files that are still being written', 'm waits for labels.txt'].slice(1),
    );
    view.put('m', 'all');
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    expect(facts.slice(2)).toEqual(['m waits no more', 'changed m all']);
  });

  it('loads an incomplete model in the end, so that the error is reported', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    view.put('m', 'a', undefined, ['1/model.onnx']);
    watch.start();
    for (let i = 0; i < 40; i++) await advance(clock, 1000);
    expect(facts).toEqual(['m waits for 1/model.onnx', 'm waits no more', 'changed m a']);
  });

  it('does not wait for a model that has disappeared', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    view.put('m', 'a', undefined, ['1/model.onnx']);
    watch.start();
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    view.models.delete('m');
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    expect(facts).toEqual(['m waits for 1/model.onnx', 'm waits no more']);
  });

  it('does not report unchanged models', async () => {
    const { view, clock, watch, facts } = newWatch();
    view.put('m', 'a');
    watch.remember(await view.scan());
    watch.start();
    await advance(clock, 15_000);
    await advance(clock, 1000);
    expect(facts).toEqual([]);
    expect(view.scanCount).toBe(2); // no second look without a difference
  });

  it('does not try a broken model again before its files change', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    view.put('m', 'broken');
    watch.start();
    for (let i = 0; i < 10; i++) await advance(clock, 1000);
    expect(facts).toEqual(['changed m broken']);
    view.put('m', 'mended');
    for (let i = 0; i < 4; i++) await advance(clock, 1000);
    expect(facts).toEqual(['changed m broken', 'changed m mended']);
  });

  it('reports that a model has disappeared, and that it is back', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    view.put('m', 'a');
    watch.remember(await view.scan());
    watch.start();
    view.models.delete('m');
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    view.put('m', 'a');
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    expect(facts).toEqual(['gone m', 'changed m a']);
  });

  it('overlooks a folder that is away for one look only', async () => {
    const { view, clock, watch, facts } = newWatch();
    view.put('m', 'a');
    watch.remember(await view.scan());
    watch.start();
    view.models.delete('m');
    await advance(clock, 15_000);
    view.put('m', 'a');
    await advance(clock, 1000);
    expect(facts).toEqual([]);
  });

  it('goes on after a scan that failed', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    const scan = view.scan.bind(view);
    view.scan = () => Promise.reject(new Error('the disk is away'));
    watch.start();
    await advance(clock, 1000);
    view.scan = scan;
    view.put('m', 'a');
    for (let i = 0; i < 3; i++) await advance(clock, 1000);
    expect(facts).toEqual(['changed m a']);
  });

  it('is silent after it was stopped', async () => {
    const { view, clock, watch, facts } = newWatch(1000);
    watch.start();
    view.put('m', 'a');
    await advance(clock, 1000);
    watch.stop();
    for (let i = 0; i < 5; i++) await advance(clock, 1000);
    expect(facts).toEqual([]);
  });
});
