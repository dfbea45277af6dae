import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectCommand, type ToolSurroundings } from '../../src/cli/inspect-command.ts';
import { type ModelVerdict, validateCommand } from '../../src/cli/validate-command.ts';
import type { Engine, GraphAssignment, ModelFile, SessionSpec } from '../../src/engine/engine.ts';
import type { PluginLibrary } from '../../src/engine/native-engine.ts';
import { failedPrecondition, invalidArgument } from '../../src/errors.ts';
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

interface FakeParts {
  readonly inspect?: (file: ModelFile) => Promise<ModelSignature>;
  readonly readAssignment?: Engine['readAssignment'];
}

function setting({ inspect, readAssignment }: FakeParts = {}) {
  const output: string[] = [];
  const libraries: (string | null)[] = [];
  const plugins: PluginLibrary[] = [];
  const engine: Engine = {
    inspect: inspect ?? (async () => signature),
    openSession: () => Promise.reject(new Error('nothing is opened by a tool')),
    readAssignment: readAssignment ?? (() => Promise.reject(new Error('nothing is asked of a tool'))),
    cudaDevices: () => [],
    describe: () => {
      throw new Error('nothing is described by a tool');
    },
  };
  const surroundings: ToolSurroundings = {
    cwd: folder,
    openEngine: (libraryPath, _, given = []) => {
      libraries.push(libraryPath);
      plugins.push(...given);
      return engine;
    },
    write: (text) => void output.push(text),
  };
  return { surroundings, libraries, plugins, text: () => output.join('') };
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

  it('shows which provider runs which nodes of the model on a device', async () => {
    const specs: SessionSpec[] = [];
    const readAssignment = async (spec: SessionSpec): Promise<GraphAssignment> => {
      specs.push(spec);
      const conv = { provider: 'CUDAExecutionProvider', operators: ['Relu', 'Conv', 'Conv'] };
      return { parts: [conv, { provider: 'CPUExecutionProvider', operators: ['Shape'] }, conv], copies: 2 };
    };
    const { surroundings, text } = setting({ readAssignment });
    expect(await inspectCommand(['--device=cuda:1', 'model.onnx'], surroundings)).toBe(0);
    expect(text()).toContain(`
Nodes on cuda:1
  provider               nodes  operators
  CUDAExecutionProvider  6      Conv 4, Relu 2
  CPUExecutionProvider   1      Shape 1
  2 copies between devices in each run
`);
    expect(specs[0]).toMatchObject({ device: { kind: 'cuda', ordinal: 1 }, requireDevice: true });
  });

  it('gives the nodes of a device as JSON, and asks for none unless told to', async () => {
    const readAssignment = async () => ({ parts: [{ provider: 'CPU', operators: ['Add', 'Add'] }], copies: 0 });
    const asked = setting({ readAssignment });
    await inspectCommand(['--json', '--device=cpu', 'model.onnx'], asked.surroundings);
    expect(JSON.parse(asked.text()).placement).toEqual({
      device: 'cpu',
      providers: [{ provider: 'CPU', nodes: 2, operators: { Add: 2 } }],
      copies: 0,
    });
    const plain = setting();
    await inspectCommand(['--json', 'model.onnx'], plain.surroundings);
    expect(JSON.parse(plain.text())).not.toHaveProperty('placement');
  });

  it('asks an execution provider of the command line where the configuration names none', async () => {
    const specs: SessionSpec[] = [];
    const readAssignment = async (spec: SessionSpec): Promise<GraphAssignment> => {
      specs.push(spec);
      return { parts: [{ provider: 'fast', operators: ['Add'] }], copies: 0 };
    };
    const { surroundings, text, plugins } = setting({ readAssignment });
    await inspectCommand(['--execution-provider=fast=/f.so,a=1', 'model.onnx'], surroundings);
    expect(plugins).toEqual([{ name: 'fast', path: '/f.so', options: { a: '1' } }]);
    expect(specs[0]).toMatchObject({ device: { kind: 'cpu' }, plugin: { name: 'fast' } });
    expect(text()).toContain('Nodes on cpu\n  provider  nodes  operators\n  fast      1      Add 1\n');
    await expect(inspectCommand(['--execution-provider=fast', 'model.onnx'], surroundings)).rejects.toThrow(
      "but 'fast' was given",
    );
  });

  it('says why a device cannot be asked, and which devices there may be', async () => {
    const readAssignment = () => Promise.reject(failedPrecondition('GPU 3 does not exist: this machine has 1'));
    const { surroundings } = setting({ readAssignment });
    const asked = (device: string) => inspectCommand([`--device=${device}`, 'model.onnx'], surroundings);
    await expect(asked('cuda:3')).rejects.toThrow('GPU 3 does not exist');
    for (const device of ['gpu', 'cuda:', 'cuda:-1', 'cuda:1.5', 'CPU', 'cuda:1000']) {
      await expect(asked(device)).rejects.toThrow(`--device expects cpu, cuda or cuda:N but '${device}' was given`);
    }
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
