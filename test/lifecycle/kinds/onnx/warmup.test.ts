import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Device, EngineBatch, EngineOutput } from '../../../../src/engine/engine.ts';
import { invalidArgument } from '../../../../src/errors.ts';
import type { MemoryProbe, MemoryReading } from '../../../../src/lifecycle/kinds/onnx/process-memory.ts';
import { type WarmupTask, warmUp } from '../../../../src/lifecycle/kinds/onnx/warmup.ts';
import type { Logger } from '../../../../src/logger.ts';
import type { WarmupSample } from '../../../../src/model-config/model-config.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeInstance } from '../../../fakes/fake-engine.ts';
import { modelConfig, modelSignature, signatureOf, tensorSpec } from '../../../fakes/make-model.ts';
import { put, temporaryFolders } from '../../../repository/folders.ts';

const mebibyte = 1024 * 1024;
const temporary = temporaryFolders();

class FakeMemory implements MemoryProbe {
  resident = 100 * mebibyte;
  peak = 100 * mebibyte;
  available = 0;

  read(): MemoryReading {
    this.peak = Math.max(this.peak, this.resident);
    return { residentBytes: this.resident, peakBytes: this.peak };
  }

  availableBytes(): number {
    return this.available;
  }
}

interface Story {
  readonly clock: FakeClock;
  readonly memory: FakeMemory;
  readonly instances: readonly FakeInstance[];
  readonly lines: string[];
  readonly replaced: unknown[];
  /** What zeros showed of the outputs, when the warm-up is done. */
  batchFault(): string | null;
  /** Lets what waits go on, then moves the time. */
  pass(ms: number): Promise<void>;
  /** How the warm-up ended: null while it runs, '' when it is done, else the error's text. */
  outcome(): string | null;
}

function start(
  task: Partial<WarmupTask> = {},
  instanceCount = 1,
  availableMiB = 8192,
  device: Device = { kind: 'cpu' },
): Story {
  const clock = new FakeClock();
  const memory = new FakeMemory();
  memory.available = availableMiB * mebibyte;
  const instances = Array.from({ length: instanceCount }, () => new FakeInstance());
  for (const instance of instances) instance.device = device;
  const lines: string[] = [];
  const replaced: unknown[] = [];
  const line =
    (level: string): Logger['info'] =>
    (_, message) =>
      lines.push(`${level} ${message}`);
  const logger: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  let outcome: string | null = null;
  let batchFault: string | null = null;
  void warmUp(
    {
      version: 1,
      config: modelConfig(),
      signature: signatureOf(modelConfig()),
      modelFolder: '/nowhere',
      instances,
      replace: (instance) => replaced.push(instance),
      signal: null,
      ...task,
    },
    { clock, memory, logger },
  ).then(
    (fault) => {
      outcome = '';
      batchFault = fault?.message ?? null;
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  const pass = async (ms: number): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    clock.advance(ms);
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  return { clock, memory, instances, lines, replaced, pass, outcome: () => outcome, batchFault: () => batchFault };
}

/** Each row costs this much time and memory, which stays. */
async function finishRuns(story: Story, msPerRow: number, bytesPerRow: number): Promise<void> {
  for (let i = 0; i < 20 && story.outcome() === null; i++) {
    for (const instance of story.instances) {
      const { running } = instance;
      if (running === null) continue;
      story.memory.resident += running.rows * bytesPerRow;
      await story.pass(running.rows * msPerRow);
      running.complete();
    }
    await story.pass(0);
  }
}

/** Files are read on other threads, so turns of the event loop pass. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100_000 && !condition(); i++) await new Promise(setImmediate);
}

const returned = ({ runs }: FakeInstance): unknown[] => runs.map(({ batch }) => batch.returnsMemory);

const rowsOf = ({ runs }: FakeInstance): readonly number[] => runs.map(({ rows }) => rows);

describe('the automatic warm-up', () => {
  it('runs one row and then the largest batch on every instance, and gives all results back', async () => {
    const story = start({}, 2);
    await finishRuns(story, 1, 1000);
    expect(story.outcome()).toBe('');
    expect(story.instances.map(rowsOf)).toEqual([
      [1, 1, 8, 8],
      [1, 8],
    ]);
    const runs = story.instances.flatMap((instance) => instance.runs);
    expect(runs.map(({ releaseCount }) => releaseCount)).toEqual(runs.map(() => 1));
    expect(story.lines).toEqual(['debug automatic warm-up is done']);
    expect(story.clock.waitingCount).toBe(0);
  });

  it('returns the memory of the first run of a size, and keeps it when it was little', async () => {
    const story = start({}, 2);
    await finishRuns(story, 1, 1000);
    expect(story.instances.map(returned)).toEqual([
      [true, false, true, false],
      [false, false],
    ]);
  });

  it.each([
    ['slow', 300, 1000],
    ['large', 1, 200 * mebibyte],
  ])('keeps no memory of a row that is %s', async (_, ms, bytes) => {
    const story = start();
    await finishRuns(story, ms, bytes);
    expect(story.instances.map(returned)).toEqual([[true]]);
  });

  it('runs no more rows than the memory of one lets expect, over all instances', async () => {
    const story = start({ config: modelConfig({ maxBatchSize: 128 }) }, 2);
    await finishRuns(story, 1, 10 * mebibyte);
    expect(story.instances.map(rowsOf)).toEqual([
      [1, 1, 6, 6],
      [1, 6],
    ]);
    expect(story.lines).toEqual([
      'info automatic warm-up stopped early, the model serves all the same: a row took 1.0 ms and 10 MiB, so 6 of 128 rows were run',
    ]);
  });

  it('does not take the loading of kernels on a GPU for the cost of a row', async () => {
    const story = start({ config: modelConfig({ maxBatchSize: 64 }) }, 1, 8192, { kind: 'cuda', ordinal: 0 });
    await story.pass(0);
    story.memory.resident += 81 * mebibyte;
    await story.pass(300);
    story.instances[0]?.running?.complete();
    await finishRuns(story, 0.1, 1000);
    expect(story.instances.map(rowsOf)).toEqual([[1, 1, 1, 64, 64]]);
    expect(story.lines).toEqual(['debug automatic warm-up is done']);
  });

  it('takes little where little is available', async () => {
    const story = start({ config: modelConfig({ maxBatchSize: 128 }) }, 1, 480);
    await finishRuns(story, 1, 10 * mebibyte);
    expect(story.instances.map(rowsOf)).toEqual([[1, 1, 3, 3]]);
  });

  it('stops at one row that is slow or large, and leaves out instances that would take as much', async () => {
    const slow = start();
    await finishRuns(slow, 300, 0);
    expect(slow.instances.map(rowsOf)).toEqual([[1]]);
    const large = start({}, 3);
    await finishRuns(large, 1, 100 * mebibyte);
    expect(large.instances.map(rowsOf)).toEqual([[1], [], []]);
  });

  it('ends a run whose time is over, and is quiet about it', async () => {
    const story = start({}, 2);
    await story.pass(4900);
    expect(story.outcome()).toBeNull();
    await story.pass(200);
    expect(story.outcome()).toBe('');
    expect(story.instances.map(rowsOf)).toEqual([[1], []]);
    expect(story.instances[0]?.terminateCount).toBe(1);
    expect(story.replaced).toEqual([]);
    expect(story.lines).toEqual([
      'info automatic warm-up stopped early, the model serves all the same: a run of 1 row(s) with zeros was ended when all of them had taken 5000 ms',
    ]);
  });

  it('counts the time of all runs together', async () => {
    const story = start({}, 4);
    for (let i = 0; i < 4; i++) {
      await story.pass(1400);
      for (const { running } of story.instances) running?.complete();
      await story.pass(0);
    }
    expect(story.outcome()).toBe('');
    expect(story.clock.now()).toBeLessThanOrEqual(1000 + 4 * 1400);
    expect(story.instances.map(rowsOf)).toEqual([[1], [1], [1], [1]]);
  });

  it('ends a run that takes more and more memory', async () => {
    const story = start();
    for (let i = 0; i < 100 && story.outcome() === null; i++) {
      story.memory.resident += 10 * mebibyte;
      await story.pass(10);
    }
    expect(story.outcome()).toBe('');
    expect(story.memory.resident).toBeLessThan(640 * mebibyte);
    expect(story.lines.join()).toContain('was ended after it had taken');
  });

  it('sees a peak between two looks', async () => {
    const story = start({ config: modelConfig({ maxBatchSize: 128 }) });
    story.memory.peak = 1000 * mebibyte;
    await story.pass(1);
    story.instances[0]?.last.complete();
    await story.pass(0);
    expect(story.instances.map(rowsOf)).toEqual([[1]]);
  });

  it('replaces an instance whose run does not end, and does not wait for it', async () => {
    const story = start();
    const instance = story.instances[0] as FakeInstance;
    instance.endsWhenTerminated = false;
    await story.pass(6100);
    expect(story.outcome()).toBe('');
    expect(story.replaced).toEqual([instance]);
    expect(story.lines).toEqual([
      'warn automatic warm-up stopped early, the model serves all the same: a run of 1 row(s) with zeros could not be ended when ' +
        'all of them had taken 5000 ms; 1 instance(s) were replaced, the old ones run on until their operator ends',
    ]);
    instance.last.complete();
    expect(instance.last.releaseCount).toBe(1);
    expect(story.clock.waitingCount).toBe(0);
  });

  it('says in one line that a run took much memory and could not be ended, though another one was', async () => {
    const instances = [new FakeInstance(), new FakeInstance()];
    const story = start({ instances });
    await story.pass(1);
    instances[0]?.last.complete();
    await story.pass(0);
    (instances[1] as FakeInstance).endsWhenTerminated = false;
    story.memory.resident += 600 * mebibyte;
    await story.pass(1100);
    expect(story.outcome()).toBe('');
    expect(story.lines).toHaveLength(1);
    expect(story.lines[0]).toMatch(
      /^warn .*: a run of 1 row\(s\) with zeros could not be ended after it had taken 600 MiB .*1 instance/,
    );
  });

  it('shows an output that is not cut by rows, and runs no batches then', async () => {
    const counts = (batch: EngineBatch): readonly EngineOutput[] =>
      batch.outputs.map((index) => ({ index, datatype: 'FP32', shape: [0, 2], data: new Uint8Array() }));
    const instances = [new FakeInstance('manual', counts), new FakeInstance('manual', counts)];
    const story = start({ instances });
    await finishRuns({ ...story, instances }, 1, 1000);
    expect(instances.map(rowsOf)).toEqual([[1, 1], [1]]);
    expect(story.batchFault()).toMatch(/output 'OUTPUT' .* must have the batch's 1 rows .* got shape \[0,2\]/);
  });

  it('shows nothing of outputs that have the rows, and nothing of a model that does not batch', async () => {
    const story = start();
    await finishRuns(story, 1, 1000);
    expect([story.outcome(), story.batchFault()]).toEqual(['', null]);
    const lone = start({ config: modelConfig({ maxBatchSize: 0 }) });
    await finishRuns(lone, 1, 1000);
    expect([lone.outcome(), lone.batchFault()]).toEqual(['', null]);
  });

  it('takes a failure for none', async () => {
    const story = start({}, 2);
    await story.pass(0);
    story.instances[0]?.last.fail(invalidArgument('index out of range'));
    await story.pass(0);
    expect(story.outcome()).toBe('');
    expect(story.instances.map(rowsOf)).toEqual([[1], []]);
    expect(story.lines.join()).toMatch(/^info .*failed: index out of range$/);
  });

  it('gives strings the text 0, which is a number where one is expected', async () => {
    const story = start({
      config: modelConfig({ maxBatchSize: 0, outputs: [] }),
      signature: modelSignature([tensorSpec('INPUT', 'BYTES', [2])], []),
    });
    await story.pass(0);
    const parts = story.instances[0]?.last.batch.inputs[0]?.parts ?? [];
    expect(Buffer.concat(parts.map(hostBytes))).toEqual(Buffer.from([1, 0, 0, 0, 48, 1, 0, 0, 0, 48]));
  });

  it('leaves out inputs that are too large', async () => {
    const story = start({
      signature: modelSignature([tensorSpec('INPUT', 'FP32', [-1, 2 ** 25])], []),
    });
    await story.pass(0);
    expect(story.outcome()).toBe('');
    expect(story.instances.map(rowsOf)).toEqual([[]]);
  });

  it('ends at once when the load is called off', async () => {
    const called = new AbortController();
    const story = start({ signal: called.signal });
    await story.pass(100);
    called.abort(new Error('the server stops'));
    await story.pass(20);
    expect(story.outcome()).toBe('the server stops');
    expect(story.instances[0]?.terminateCount).toBe(1);
  });
});

const sample = (file: string, count = 1): WarmupSample => ({
  name: 's',
  batchSize: 1,
  count,
  inputs: new Map([['INPUT', { datatype: 'FP32', dims: [1], source: { kind: 'file', file } }]]),
});

describe('configured warm-up samples', () => {
  it('fail the load when they fail', async () => {
    const modelFolder = temporary();
    put(modelFolder, { 'warmup/data': 'four' });
    const story = start({ modelFolder, config: modelConfig({ warmup: [sample('data')] }) });
    await until(() => story.instances[0]?.running !== null);
    story.instances[0]?.last.fail(invalidArgument('bad row'));
    await story.pass(0);
    expect(story.outcome()).toBe("failed to run warmup sample 's': bad row");
  });

  it('give a scalar of the model one value, for any rows', async () => {
    const modelFolder = temporary();
    put(modelFolder, { 'warmup/data': 'four' });
    const signature = modelSignature([tensorSpec('INPUT', 'FP32', [])], [tensorSpec('OUTPUT', 'FP32', [-1, 1])]);
    const config = modelConfig({ warmup: [{ ...sample('data'), batchSize: 4 }] });
    const story = start({ modelFolder, signature, config });
    await until(() => story.instances[0]?.running !== null);
    expect(story.instances[0]?.last.batch.inputs).toEqual([{ index: 0, shape: [], parts: [Buffer.from('four')] }]);
  });

  it('run as long as they need, and can be called off', async () => {
    const modelFolder = temporary();
    put(modelFolder, { 'warmup/data': 'four' });
    const called = new AbortController();
    const config = modelConfig({ warmup: [sample('data', 1000)] });
    const story = start({ modelFolder, config, signal: called.signal });
    await until(() => story.instances[0]?.running !== null);
    await story.pass(3_600_000);
    expect(story.outcome()).toBeNull();
    called.abort(new Error('the server stops'));
    await story.pass(20);
    expect(story.outcome()).toBe('the server stops');
    expect(story.instances.map(rowsOf)).toEqual([[1]]);
  });

  it.each<[string, (path: string) => unknown, string]>([
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), 'is a FIFO, expected a regular file'],
    ['an endless device', (path) => symlinkSync('/dev/zero', path), 'is a device, expected a regular file'],
    ['nothing', () => undefined, 'does not exist'],
  ])('refuse %s in place of a file', async (_, make, reason) => {
    const modelFolder = temporary();
    put(modelFolder, { 'warmup/': '' });
    make(join(modelFolder, 'warmup', 'data'));
    const story = start({ modelFolder, config: modelConfig({ warmup: [sample('data')] }) });
    await until(() => story.outcome() !== null);
    expect(story.outcome()).toContain(`warmup file 'data' of model 'm' ${reason}`);
  });

  it('refuse sizes beyond all reason', async () => {
    const config = modelConfig({
      warmup: [
        {
          ...sample(''),
          inputs: new Map([['INPUT', { datatype: 'FP32', dims: [2 ** 40], source: { kind: 'zero' } }]]),
        },
      ],
    });
    const story = start({ config });
    await story.pass(0);
    expect(story.outcome()).toContain("has 1099511627776 elements in input 'INPUT', expected at most 1073741824 bytes");
  });
});
