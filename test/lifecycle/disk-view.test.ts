import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiskView } from '../../src/lifecycle/disk-view.ts';
import type { StartScan } from '../../src/lifecycle/repository-view.ts';
import type { SourceTools } from '../../src/lifecycle/disk-source.ts';
import { servableKinds } from '../../src/lifecycle/kinds/servable-kinds.ts';
import { silentLogger } from '../../src/logger.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeEngine } from '../fakes/fake-engine.ts';
import { plainFacts } from '../fakes/plain-facts.ts';
import { elem, externalInitializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { put, temporaryFolders } from '../repository/folders.ts';

const temporary = temporaryFolders();

const add = (initializers: Parameters<typeof model>[0]['initializers'] = []): Buffer =>
  Buffer.from(
    model({
      nodes: [node('Add', ['x', initializers?.length ? 'w' : 'x'], ['y'])],
      inputs: [valueInfo('x', tensorType(elem.float, ['batch', 4]))],
      outputs: [valueInfo('y', tensorType(elem.float, ['batch', 4]))],
      initializers: initializers ?? [],
    }),
  );
const whole = add();
const withData = add([externalInitializer('w', elem.float, [4], { location: 'weights.bin', length: 16 })]);

interface Story {
  readonly repository: string;
  readonly view: DiskView;
  readonly clock: FakeClock;
  readonly lines: string[];
}

function newView(paths: readonly string[] = [temporary()]): Story {
  const clock = new FakeClock();
  const lines: string[] = [];
  const line = (_: unknown, text: string): void => {
    lines.push(text);
  };
  const tools: SourceTools = {
    engine: new FakeEngine(),
    clock,
    turn: clock,
    logger: { ...silentLogger, info: line, warn: line, error: line },
    statistics: () => {
      throw new Error('nothing is loaded in these tests');
    },
    maxQueuedRequests: 1,
    autoComplete: true,
    defaultMaxBatchSize: 4,
    interceptors: [],
    kinds: servableKinds,
  } as unknown as SourceTools;
  return {
    repository: paths[0] as string,
    view: new DiskView({ paths, configName: null }, tools, plainFacts),
    clock,
    lines,
  };
}

/** Lets the time pass while files are read on other threads; `act` is called once after so much of it. */
async function during<T>(
  clock: FakeClock,
  task: Promise<T>,
  acts: Readonly<Record<number, () => void>> = {},
): Promise<T> {
  let isDone = false;
  task.then(
    () => {
      isDone = true;
    },
    () => {
      isDone = true;
    },
  );
  const startMs = clock.now();
  const left = new Map(Object.entries(acts).map(([ms, act]) => [Number(ms), act]));
  // Turns in which files are being read do not count: on a busy machine there are any number of them.
  for (let advances = 0; advances < 20_000 && !isDone; ) {
    await new Promise(setImmediate);
    if (clock.waitingCount === 0) continue;
    advances++;
    clock.advance(20);
    for (const [ms, act] of left) {
      if (clock.now() - startMs < ms) continue;
      left.delete(ms);
      act();
    }
  }
  return task;
}

const names = ({ models, waiting }: StartScan): readonly string[] => [
  ...models.keys(),
  ...[...waiting].map(([name, lacks]) => `${name} waits for ${lacks.join(', ')}`),
];

describe('a start', () => {
  it.each<[string, Readonly<Record<string, string | Buffer>>, Readonly<Record<string, string | Buffer>>, RegExp]>([
    ['the model file', { 'm/1/': '' }, { 'm/1/model.onnx': whole }, /waiting for 1\/model.onnx/],
    ['a version', { 'm/config.pbtxt': '' }, { 'm/1/model.onnx': whole }, /waiting for a folder of a version/],
    [
      'bytes of the model',
      { 'm/1/model.onnx': whole.subarray(0, 40) },
      { 'm/1/model.onnx': whole },
      /waiting for the rest of a file \(.*where .* are left\)/,
    ],
    [
      'external data',
      { 'm/1/model.onnx': withData },
      { 'm/1/weights.bin': Buffer.alloc(16) },
      /waiting for .*weights.bin/,
    ],
    [
      'bytes of external data',
      { 'm/1/model.onnx': withData, 'm/1/weights.bin': Buffer.alloc(7) },
      { 'm/1/weights.bin': Buffer.alloc(16) },
      /waiting for .*weights.bin.*the file has 7/,
    ],
    [
      'labels',
      { 'm/1/model.onnx': whole, 'm/config.pbtxt': 'output { name: "y" label_filename: "labels.txt" }' },
      { 'm/labels.txt': 'cat' },
      /waiting for labels.txt/,
    ],
    [
      'a library of operators',
      { 'm/1/model.onnx': whole, 'm/config.pbtxt': 'model_operations { op_library_filename: "ops.so" }' },
      { 'm/ops.so': 'x' },
      /waiting for ops.so/,
    ],
    [
      'warm-up data',
      {
        'm/1/model.onnx': whole,
        'm/config.pbtxt': 'model_warmup { inputs { key: "x" value { input_data_file: "data" } } }',
      },
      { 'm/warmup/data': 'x' },
      /waiting for warmup\/data/,
    ],
  ])('waits for %s that comes seconds later', async (_, first, later, told) => {
    const { repository, view, clock, lines } = newView();
    put(repository, first);
    const scan = await during(clock, view.scanForStart(true), { 4000: () => put(repository, later) });
    expect(names(scan)).toEqual(['m']);
    expect(clock.now()).toBeGreaterThan(4900);
    expect(clock.now()).toBeLessThan(7000);
    expect(await scan.models.get('m')?.lacks()).toEqual([]);
    expect(lines.filter((line) => told.test(line))).toHaveLength(1);
  });

  it('waits for a file that grows, however slowly, and for no other model longer', async () => {
    const { repository, view, clock } = newView();
    put(repository, { 'm/1/model.onnx': '' });
    const acts = Object.fromEntries(
      [1, 2, 3, 4, 5].map((part) => [
        part * 3000,
        () => put(repository, { 'm/1/model.onnx': whole.subarray(0, Math.ceil((whole.length * part) / 5)) }),
      ]),
    );
    const scan = await during(clock, view.scanForStart(true), acts);
    expect(clock.now()).toBeGreaterThan(15_000);
    expect(await scan.models.get('m')?.lacks()).toEqual([]);
  });

  it('tries an incomplete folder after five seconds', async () => {
    const { repository, view, clock } = newView();
    put(repository, { 'm/1/': '', 'n/1/model.onnx': whole });
    const scan = await during(clock, view.scanForStart(true));
    expect(names(scan)).toEqual(['m', 'n']);
    expect(clock.now()).toBeLessThan(7000);
  });

  it('does not wait for permanent faults', async () => {
    const { repository, view, clock } = newView();
    put(repository, { 'm/1/model.onnx': 'no model at all', 'n/1/model.onnx': whole, 'n/config.pbtxt': 'nonsense' });
    expect(names(await during(clock, view.scanForStart(true)))).toEqual(['m', 'n']);
    expect(clock.now()).toBeLessThan(1500);
  });

  it('leaves incomplete folders to the poll, if there is one', async () => {
    const { repository, view, clock } = newView();
    put(repository, { 'm/1/': '', 'n/1/model.onnx': whole });
    expect(names(await during(clock, view.scanForStart(false)))).toEqual(['n', 'm waits for 1/model.onnx']);
    expect(clock.now()).toBeLessThan(2500);
  });

  it('waits in the same way for a model that is named, and a load call does not', async () => {
    const { repository, view, clock } = newView();
    put(repository, { 'm/1/': '' });
    await during(clock, view.look('m', false));
    expect(clock.now()).toBeLessThan(1500);
    const look = view.look('m', true);
    const sighting = await during(clock, look, { 2000: () => put(repository, { 'm/1/model.onnx': whole }) });
    expect(await sighting.lacks()).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['nothing', {}, /no model was found: a repository has a folder per model/],
    ['a bare model', { 'model.onnx': 'x' }, /belongs into '<model>\/<version>\/'/],
    ['only lost+found', { 'lost+found/': '' }, /no model was found/],
  ])('warns of a repository that holds %s', async (_, files, told) => {
    const { repository, view, clock, lines } = newView();
    put(repository, files);
    await during(clock, view.survey());
    expect(lines.join()).toMatch(told);
    expect(names(await during(clock, view.scanForStart(true)))).toEqual([]);
  });
});

describe('a repository that vanishes', () => {
  it('counts as before, is logged once, and counts again when there are folders', async () => {
    const parent = temporary();
    const [one, two] = [join(parent, 'one'), join(parent, 'two')];
    put(parent, { 'one/a/1/model.onnx': 'x', 'one/b/1/model.onnx': 'x', 'two/c/1/model.onnx': 'x' });
    const { view, lines } = newView([one, two]);
    const fingerprints = async (): Promise<readonly string[]> =>
      [...(await view.scan())].map(([name, { fingerprint }]) => `${name} ${fingerprint}`).sort();
    const before = await fingerprints();
    expect(before).toHaveLength(3);
    renameSync(one, join(parent, 'away'));
    expect(await fingerprints()).toEqual(before);
    put(parent, { 'one/': '' });
    expect(await fingerprints()).toEqual(before);
    expect(await view.names()).toEqual(['a', 'b', 'c']);
    expect(lines.filter((line) => line.includes("'one' held models and has no folder now"))).toHaveLength(1);
    rmSync(join(two, 'c'), { recursive: true });
    put(two, { 'd/1/model.onnx': 'x' });
    expect([...(await view.scan()).keys()].sort()).toEqual(['a', 'b', 'd']);
    rmSync(one, { recursive: true });
    renameSync(join(parent, 'away'), one);
    rmSync(join(one, 'a'), { recursive: true });
    expect([...(await view.scan()).keys()].sort()).toEqual(['b', 'd']);
    expect(lines.filter((line) => line.includes("'one' has folders again"))).toHaveLength(1);
  });

  it('is an error where it never held anything and cannot be read', async () => {
    const { view } = newView([join(temporary(), 'missing')]);
    await expect(view.scan()).rejects.toThrow("model repository 'missing' cannot be read: it does not exist");
  });
});
