import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DoctorSurroundings, doctorCommand } from '../../src/cli/doctor-command.ts';
import { inspectCommand } from '../../src/cli/inspect-command.ts';
import { type ModelVerdict, validateCommand } from '../../src/cli/validate-command.ts';
import type { CudaDevice, Engine, EngineDescription, ModelFile } from '../../src/engine/engine.ts';
import { invalidArgument } from '../../src/errors.ts';
import type { DriverDescription } from '../../src/engine/driver.ts';
import type { FoundRuntime } from '../../src/runtimes/open-engine.ts';
import type { ModelSignature, TensorSpec } from '../../src/model-config/signature.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nereid-cli-'));
  writeFileSync(join(folder, 'model.onnx'), 'not read by the fake');
});
afterAll(() => rmSync(folder, { recursive: true }));

const tensor = (changes: Partial<TensorSpec>): TensorSpec => ({
  name: 'x',
  datatype: 'FP32',
  shape: [-1, 3],
  dimNames: ['', ''],
  isOptional: false,
  labels: [],
  ...changes,
});

const signature: ModelSignature = {
  inputs: [
    tensor({ name: 'image', shape: [-1, 1, -1], dimNames: ['batch', '', ''] }),
    tensor({ name: 'bias', datatype: 'INT64', shape: null, dimNames: [], isOptional: true }),
  ],
  outputs: [tensor({ name: 'class', datatype: 'BYTES', labels: Array.from({ length: 12 }, (_, i) => `c${i}`) })],
  irVersion: 8,
  opsets: new Map([
    ['', 17],
    ['ai.onnx.ml', 3],
  ]),
  producer: 'pytorch 2.3',
  graphName: 'main\u001b[2J',
  description: '',
  modelVersion: 0,
  metadata: new Map([['author', 'someone']]),
};

const description: EngineDescription = {
  runtimeVersion: '1.30.0',
  runtimePath: '/lib/libonnxruntime.so.1',
  buildInfo: 'ORT Build Info: x',
  providers: ['CPUExecutionProvider'],
  cpuCores: 4,
  cudaProblem: null,
  driverVersion: null,
  cudaLibraries: [],
  hasTextLocale: true,
};

interface FakeParts {
  readonly inspect?: (file: ModelFile) => Promise<ModelSignature>;
  readonly description?: Partial<EngineDescription>;
  readonly devices?: readonly CudaDevice[];
  readonly runtime?: Partial<FoundRuntime>;
  readonly driver?: Partial<DriverDescription>;
}

const found: FoundRuntime = {
  libraryPath: '/lib/libonnxruntime.so.1',
  reason: 'the npm package onnxruntime-node',
  waiting: null,
  cudaLibraries: [],
};

function setting({ inspect, description: changes, devices, runtime, driver }: FakeParts = {}) {
  const output: string[] = [];
  const libraries: (string | null)[] = [];
  const engine: Engine = {
    inspect: inspect ?? (async () => signature),
    openSession: () => Promise.reject(new Error('nothing is opened by a tool')),
    cudaDevices: () => devices ?? [],
    describe: () => ({ ...description, ...changes }),
  };
  const surroundings: DoctorSurroundings = {
    findRuntime: () => ({ ...found, ...runtime }),
    describeDriver: () => ({ isThere: true, version: '600.1', problem: null, devices: [], ...driver }),
    cwd: folder,
    openEngine: (libraryPath) => {
      libraries.push(libraryPath);
      return engine;
    },
    write: (text) => void output.push(text),
  };
  return { surroundings, libraries, text: () => output.join('') };
}

describe('inspect', () => {
  it('shows inputs, outputs, symbolic dimensions, labels and opsets', async () => {
    const { surroundings, text } = setting();
    expect(await inspectCommand(['model.onnx'], surroundings)).toBe(0);
    expect(text()).toBe(`Inputs
  name   datatype  shape
  image  FP32      [batch, 1, -1]
  bias   INT64     unknown rank    optional

Outputs
  name   datatype  shape
  class  BYTES     [-1, 3]

Labels of class: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, … (12)

Batching
  dynamic batching, up to 4 rows (the server's default; max_batch_size in config.pbtxt overrides)

Model
  graph            main\\x1b[2J
  producer         pytorch 2.3
  model version    0
  IR version       8
  opsets           ai.onnx 17, ai.onnx.ml 3
  metadata author  someone
`);
  });

  it('prints JSON that a program can read', async () => {
    const { surroundings, text } = setting();
    await inspectCommand(['--json', 'model.onnx'], surroundings);
    expect(JSON.parse(text())).toMatchObject({
      inputs: [{ name: 'image', shape: [-1, 1, -1], dimNames: ['batch', '', ''] }, { isOptional: true }],
      opsets: { '': 17, 'ai.onnx.ml': 3 },
      metadata: { author: 'someone' },
    });
  });

  it('gives the engine the absolute path and the folder that holds it', async () => {
    const seen: ModelFile[] = [];
    const inspect = async (file: ModelFile) => {
      seen.push(file);
      return signature;
    };
    const { surroundings, libraries } = setting({ inspect });
    await inspectCommand(['./model.onnx', '--onnxruntime-library=lib.so'], surroundings);
    expect(seen[0].path).toBe(join(folder, 'model.onnx'));
    expect(seen[0].folder).toContain('nereid-cli-');
    expect(libraries).toEqual([join(folder, 'lib.so')]);
  });

  it('passes on why a model cannot be read', async () => {
    const { surroundings } = setting({ inspect: () => Promise.reject(invalidArgument('the file is cut short')) });
    await expect(inspectCommand(['model.onnx'], surroundings)).rejects.toThrow('the file is cut short');
    await expect(inspectCommand(['gone.onnx'], surroundings)).rejects.toThrow('there is no model file');
  });

  it('wants exactly one model', async () => {
    const { surroundings } = setting();
    await expect(inspectCommand([], surroundings)).rejects.toThrow('a model file is missing');
    await expect(inspectCommand(['a', 'b'], surroundings)).rejects.toThrow("unexpected argument 'b'");
    await expect(inspectCommand(['a', '--jason'], surroundings)).rejects.toThrow('did you mean --json?');
  });
});

describe('validate', () => {
  const good: ModelVerdict = {
    name: 'digits',
    versions: [1, 2],
    summary: 'dynamic batching up to 8',
    problems: [],
    notes: ['sequence of priorities has no effect'],
  };
  const bad: ModelVerdict = {
    name: 'broken',
    versions: [],
    summary: '',
    problems: ["config.pbtxt:3:7: unknown field 'max_batch_sise'; did you mean max_batch_size?"],
    notes: [],
  };

  it('lists every model and succeeds when all are good', async () => {
    const { surroundings, text } = setting();
    expect(await validateCommand(['.'], surroundings, async () => ({ models: [good], notes: [] }))).toBe(0);
    expect(text()).toBe(`${folder}
  ok   digits  versions 1, 2  dynamic batching up to 8
      note: sequence of priorities has no effect
  1 good
`);
  });

  it('fails when one model is bad, and says where', async () => {
    const { surroundings, text } = setting();
    expect(await validateCommand(['.'], surroundings, async () => ({ models: [good, bad], notes: [] }))).toBe(1);
    expect(text()).toContain("  BAD  broken\n      config.pbtxt:3:7: unknown field 'max_batch_sise'");
    expect(text()).toContain('1 good, 1 bad');
  });

  it('fails when a repository is empty', async () => {
    const { surroundings, text } = setting();
    const notes = ['no model was found: put it there'];
    expect(await validateCommand(['.'], surroundings, async () => ({ models: [], notes }))).toBe(1);
    expect(text()).toBe(`${folder}\n  note: no model was found: put it there\n  0 good\n`);
  });

  it('checks several repositories as serve would with the same flags', async () => {
    const calls: unknown[] = [];
    const { surroundings, text } = setting();
    const words = ['a', '/b', '--json', '--model-config-name=small', '--disable-auto-complete-config'];
    await validateCommand(words, surroundings, async (repository, options) => {
      calls.push([repository, options]);
      return { models: [good], notes: [] };
    });
    const options = { autoComplete: false, configName: 'small' };
    expect(calls).toEqual([
      [join(folder, 'a'), options],
      ['/b', options],
    ]);
    expect(JSON.parse(text())).toMatchObject({ good: true, repositories: [{ models: [{ name: 'digits' }] }, {}] });
  });

  it('wants a repository', async () => {
    await expect(validateCommand([], setting().surroundings, async () => ({ models: [], notes: [] }))).rejects.toThrow(
      'is missing',
    );
  });
});

describe('doctor', () => {
  const host = { version: '0.1.0', nodeVersion: 'v20.20.2', platform: 'linux x64' };

  it('shows runtime, providers, cores and the thread plan', async () => {
    const { surroundings, text } = setting();
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('ONNX Runtime  1.30.0');
    expect(text()).toContain('one instance runs 4 intra-op threads, two instances run 2 each');
    expect(text()).toContain('GPU: none; models run on the CPU');
  });

  it('says when the locale is missing that models of text need', async () => {
    const { surroundings, text } = setting({ description: { hasTextLocale: false } });
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('text models   locale en_US.UTF-8 is missing');
  });

  it('names each missing part for the GPU and succeeds without', async () => {
    const cudaProblem = 'ONNX Runtime 1.30.0 was built without CUDA; run nereid gpu install';
    const problem = 'the NVIDIA driver is not installed';
    const driver = { isThere: false, version: null, problem };
    const { surroundings, text } = setting({ description: { cudaProblem }, driver });
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain(`GPU: not usable; models run on the CPU\n  - ${problem}\n  - ${cudaProblem}\n`);
  });

  it('does not call a runtime missing that waits for the driver', async () => {
    const runtime = { waiting: '1.31.1-cuda13', reason: 'the npm package: 1.31.1-cuda13 is installed' };
    const driver = { isThere: false, version: null, problem: 'there is no driver' };
    const { surroundings, text } = setting({ description: { cudaProblem: 'built without CUDA' }, driver, runtime });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('taken from    the npm package: 1.31.1-cuda13 is installed');
    expect(text()).toContain('  - there is no driver\n');
    expect(text()).not.toContain('built without CUDA');
  });

  it('shows which file serves as which library of CUDA, and one that does not open', async () => {
    const cudaLibraries = [
      { wanted: '/cuda/libcublas.so.13', path: '/cuda/libcublas.so.13', problem: null },
      { wanted: 'libcudnn.so.9', path: null, problem: 'no such file' },
    ];
    const { surroundings, text } = setting({ description: { cudaLibraries } });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('Libraries of CUDA\n  /cuda/libcublas.so.13\n  libcudnn.so.9 (not opened)');
  });

  it('lists the devices', async () => {
    const device = { ordinal: 0, name: 'H200', uuid: 'GPU-1', computeCapability: 9, totalBytes: 139 * 2 ** 30 };
    const { surroundings, text } = setting({ devices: [device], description: { driverVersion: '570.1' } });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('GPU: usable\n  cuda:0  H200  139.0 GiB  compute capability 9.0  GPU-1');
  });

  it('fails with the reason when no model can be served', async () => {
    const { surroundings, text } = setting();
    const broken: DoctorSurroundings = {
      ...surroundings,
      openEngine: () => Promise.reject(new Error('the addon is not built: run npm run build:native')),
    };
    expect(await doctorCommand([], broken, host)).toBe(1);
    expect(text()).toContain('Engine: not usable; no model can be served\n  the addon is not built');
  });

  it('prints JSON', async () => {
    const { surroundings, text } = setting();
    await doctorCommand(['--json'], surroundings, host);
    expect(JSON.parse(text())).toMatchObject({ host, description: { cpuCores: 4 }, devices: [], engineProblem: null });
  });
});
