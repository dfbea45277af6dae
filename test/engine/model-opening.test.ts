/** Settings that must not decide whether a model can be opened, and files on which an open model must not depend. */

import { ChangedFileError } from '../../src/engine/changed-file-error.ts';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../../src/logger.ts';
import { silentLogger } from '../../src/logger.ts';
import {
  elem,
  externalInitializer,
  floats,
  initializer,
  int64s,
  mapType,
  model,
  node,
  sequenceType,
  tensorType,
  valueInfo,
} from '../models/onnx-writer.ts';
import {
  bytesOf,
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  modelFolder,
  outputsOf,
  withSession,
} from './model-files.ts';

const folder = modelFolder();
afterAll(() => folder.remove());

const warnings: { fields: LogFields; message: string }[] = [];
const errors: string[] = [];
const logger: Logger = {
  ...silentLogger,
  warn: (fields, message) => warnings.push({ fields, message }),
  error: (_, message) => errors.push(message),
};
const engine = engineForTests({ logger });

/**
 * Two quantized LSTMs with the same weights: with session.x64quantprecision=1 ONNX Runtime 1.30 replaces them twice.
 */
function sharedQuantizedLstm(): Uint8Array {
  const scale = (name: string) => initializer(name, elem.float, [1], floats([0.01]));
  const zero = (name: string) => initializer(name, elem.int8, [1], Uint8Array.of(0));
  const inputs = ['x', 'w', 'r', '', '', '', '', '', 'ws', 'wz', 'rs', 'rz'];
  const lstm = (output: string) =>
    node('DynamicQuantizeLSTM', inputs, [output], { hidden_size: { int: 4 } }, 'com.microsoft');
  const narrow = initializer('w', elem.int8, [1, 2, 16], new Uint8Array(32).fill(1));
  const recurrent = initializer('r', elem.int8, [1, 4, 16], new Uint8Array(64).fill(1));
  return model({
    nodes: [lstm('a'), lstm('b'), node('Add', ['a', 'b'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['time', 1, 2]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['time', 1, 1, 4]))],
    initializers: [narrow, recurrent, scale('ws'), zero('wz'), scale('rs'), zero('rz')],
    domainOpsets: { 'com.microsoft': 1 },
  });
}

describe('a model that ONNX Runtime opens by itself', () => {
  it('opens here although it refuses an option that we add, and the log says so', async () => {
    const file = folder.write('lstm.onnx', sharedQuantizedLstm());
    await withSession(engine, cpuSpec(file), async (instance) => {
      const input = { index: 0, shape: [1, 1, 2], parts: [bytesOf(Float32Array.of(1, 1))] };
      const [output] = await outputsOf(instance, [input], [0]);
      expect(output?.shape).toEqual([1, 1, 1, 4]);
    });
    // Where the processor has VNNI the option changes nothing, and nothing is to be told.
    for (const { fields } of warnings) expect(fields).toMatchObject({ model: 'test:1' });
    expect(errors).toEqual([]);
  });
});

describe('external data of a model whose ZipMap is rewritten in memory', () => {
  /** Probabilities are `x` times a matrix that lies in another file. */
  const classifier = (locations: readonly [string, string]): Uint8Array =>
    model({
      nodes: [
        node('MatMul', ['x', 'w'], ['scores']),
        node('Add', ['scores', 'b'], ['sums']),
        node('ZipMap', ['sums'], ['p'], { classlabels_int64s: { ints: [7, 9] } }, 'ai.onnx.ml'),
      ],
      inputs: [valueInfo('x', tensorType(elem.float, ['batch', 2]))],
      outputs: [valueInfo('p', sequenceType(mapType(elem.int64, tensorType(elem.float, null))))],
      initializers: [
        externalInitializer('w', elem.float, [2, 2], { location: locations[0], length: 16 }),
        externalInitializer('b', elem.float, [2], { location: locations[1], length: 8 }),
      ],
      domainOpsets: { 'ai.onnx.ml': 1 },
    });
  const put = (path: string, bytes: Uint8Array): void => {
    mkdirSync(join(folder.path, path, '..'), { recursive: true });
    writeFileSync(join(folder.path, path), bytes);
  };
  const link = (path: string, target: string): void => {
    mkdirSync(join(folder.path, path, '..'), { recursive: true });
    symlinkSync(target, join(folder.path, path));
  };
  const weights = floats([1, 2, 3, 4]);
  const bias = floats([10, 20]);
  const probabilities = (path: string): Promise<void> => {
    const file = { path: join(folder.path, path), folder: join(folder.path, path, '..') };
    return withSession(engine, cpuSpec(file), async (instance) => {
      const input = { index: 0, shape: [1, 2], parts: [bytesOf(Float32Array.of(1, 1))] };
      const [output] = await outputsOf(instance, [input], [0]);
      expect(floatsIn(output?.data as Uint8Array)).toEqual([14, 26]);
    });
  };

  it('is found beside the model and in folders below it', async () => {
    put('plain/model.onnx', classifier(['w.bin', 'deep/./b.bin']));
    put('plain/w.bin', weights);
    put('plain/deep/b.bin', bias);
    await probabilities('plain/model.onnx');
  });

  it('is found where links lead, as in the cache of Hugging Face', async () => {
    put('cache/blobs/aaaa', classifier(['model.onnx_data', 'more/bias']));
    put('cache/blobs/bbbb', weights);
    put('cache/blobs/deeper/cccc', bias);
    link('cache/snapshots/1/model.onnx', '../../blobs/aaaa');
    link('cache/snapshots/1/model.onnx_data', '../../blobs/bbbb');
    link('cache/snapshots/1/more/bias', '../../../blobs/deeper/cccc');
    link('cache/model/1', '../snapshots/1');
    await probabilities('cache/model/1/model.onnx');
  });

  it('may lie in part beside the link and in part beside the file', async () => {
    put('mixed/blobs/aaaa', classifier(['own.bin', 'linked.bin']));
    put('mixed/blobs/bbbb', bias);
    put('mixed/model/own.bin', weights);
    link('mixed/model/model.onnx', '../blobs/aaaa');
    link('mixed/model/linked.bin', '../blobs/bbbb');
    await probabilities('mixed/model/model.onnx');
  });

  it('is not read from elsewhere', async () => {
    put('secret.bin', weights);
    put('escape/model.onnx', classifier(['w.bin', 'w.bin']));
    link('escape/w.bin', '../secret.bin');
    const refusal = { code: 'invalid_argument', message: expect.stringContaining("leaves the model's folder") };
    await expect(probabilities('escape/model.onnx')).rejects.toMatchObject(refusal);
  });
});

/** Bytes that this process has read from files and sockets. */
const readBytes = (): number => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

describe('a large model', () => {
  const columns = 1024;
  const sizeBytes = columns * columns * 4;
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const large = (weights: readonly Uint8Array[]): Uint8Array =>
    model({
      nodes: [
        ...names.map((name, i) => node('MatMul', [names[i - 1] ?? 'x', `w${name}`], [name])),
        node('Reshape', ['h', 'shape'], ['y']),
      ],
      inputs: [valueInfo('x', tensorType(elem.float, ['batch', columns]))],
      outputs: [valueInfo('y', tensorType(elem.float, null))],
      initializers: [
        initializer('shape', elem.int64, [3], int64s([-1, 2, columns / 2])),
        ...names.map((name, i) => initializer(`w${name}`, elem.float, [columns, columns], weights[i] as Uint8Array)),
      ],
    });
  const weights = names.map(() => new Uint8Array(sizeBytes));

  it.runIf(process.platform === 'linux')('is inspected without its weights being read', async () => {
    const path = join(folder.path, 'named.onnx');
    const file = folder.write('large.onnx', large(weights));
    symlinkSync('large.onnx', path);
    for (const place of [file, { path, folder: folder.path }]) {
      const before = readBytes();
      const { inputs, outputs } = await engine.inspect(place);
      expect(readBytes() - before).toBeLessThan((names.length * sizeBytes) / 2);
      expect(inputs).toMatchObject([{ name: 'x', shape: [-1, columns] }]);
      expect(outputs).toMatchObject([{ name: 'y' }]);
    }
  });

  it('with a tensor that is shorter than its dimensions say is refused in the same words as by serving', async () => {
    const file = folder.write('short.onnx', large([...weights.slice(1), new Uint8Array(sizeBytes - 4)]));
    const refusal: unknown = await engine.inspect(file).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('wh') });
    await expect(engine.openSession(cpuSpec(file))).rejects.toEqual(refusal);
  });
});

describe('a model file that changes between its inspection and its session', () => {
  it('is refused once, and then read anew', async () => {
    const file = folder.write('overwritten.onnx', doublingModel(2));
    expect((await engine.inspect(file)).inputs).toMatchObject([{ shape: [-1, 2] }]);
    folder.write('overwritten.onnx', doublingModel(3));
    await expect(engine.openSession(cpuSpec(file))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('changed while the model was opened'),
    });
    const session = await engine.openSession(cpuSpec(file));
    expect(session.signature.inputs).toMatchObject([{ shape: [-1, 3] }]);
    await session.close();
  });

  it('is refused for the change and not for what lies in its place now', async () => {
    const file = folder.write('damaged.onnx', doublingModel(2));
    await engine.inspect(file);
    folder.write('damaged.onnx', Buffer.from('no model'));
    await expect(engine.openSession(cpuSpec(file))).rejects.toBeInstanceOf(ChangedFileError);
    await expect(engine.openSession(cpuSpec(file))).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('libraries of custom operators', () => {
  const file = folder.write('plain.onnx', doublingModel(2));

  it('that are missing are named, by inspecting as by serving', async () => {
    const customOpLibraries = [join(folder.path, 'libmissing.so')];
    const refusal = { code: 'unavailable', message: expect.stringContaining("'libmissing.so' does not exist") };
    await expect(engine.inspect(file, { customOpLibraries })).rejects.toMatchObject(refusal);
    await expect(engine.openSession(cpuSpec(file, { customOpLibraries }))).rejects.toMatchObject(refusal);
  });

  it('that do not load refuse the model, by inspecting as by serving', async () => {
    writeFileSync(join(folder.path, 'libtext.so'), 'no library');
    const customOpLibraries = [join(folder.path, 'libtext.so')];
    const refusal = { code: 'invalid_argument', message: expect.stringContaining('libtext.so') };
    await expect(engine.inspect(file, { customOpLibraries })).rejects.toMatchObject(refusal);
    await expect(engine.openSession(cpuSpec(file, { customOpLibraries }))).rejects.toMatchObject(refusal);
  });
});

describe('the weights of an open model', () => {
  const rows = 4096;
  const table = (value: number): Uint8Array => floats(new Array<number>(rows * 4).fill(value));
  const onnx = model({
    nodes: [node('Gather', ['table', 'i'], ['x']), node('Add', ['x', 'bias'], ['y'])],
    inputs: [valueInfo('i', tensorType(elem.int64, ['batch']))],
    outputs: [valueInfo('y', tensorType(elem.float, ['batch', 4]))],
    initializers: [
      externalInitializer('table', elem.float, [rows, 4], { location: 'weights', length: rows * 16 }),
      initializer('bias', elem.float, [4], floats([1, 1, 1, 1])),
    ],
  });
  const last = { index: 0, shape: [1], parts: [int64s([rows - 1])] };

  it.runIf(process.platform === 'linux')('do not change when their file is overwritten or cut', async () => {
    const weights = join(folder.path, 'weights');
    writeFileSync(weights, table(1));
    await withSession(engine, cpuSpec(folder.write('external.onnx', onnx)), async (instance) => {
      const answer = async () => floatsIn((await outputsOf(instance, [last], [0]))[0]?.data as Uint8Array);
      expect(await answer()).toEqual([2, 2, 2, 2]);
      writeFileSync(weights, table(7), { flag: 'r+' });
      expect(await answer()).toEqual([2, 2, 2, 2]);
      truncateSync(weights, 0);
      expect(await answer()).toEqual([2, 2, 2, 2]);
    });
  });

  it('are those of one file for all sessions that are opened at once', async () => {
    writeFileSync(join(folder.path, 'weights'), table(3));
    const file = folder.write('external.onnx', onnx);
    const sessions = await Promise.all(Array.from({ length: 6 }, () => engine.openSession(cpuSpec(file))));
    for (const session of sessions) {
      const instance = session.createInstance({ name: 'test_0', maxRows: 0 });
      const [output] = await outputsOf(instance, [last], [0]);
      expect(floatsIn(output?.data as Uint8Array)).toEqual([4, 4, 4, 4]);
      await instance.close();
      await session.close();
    }
  });
});
