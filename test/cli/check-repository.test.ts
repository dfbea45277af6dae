import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkRepository } from '../../src/cli/check-repository.ts';
import type { Engine, ModelFile } from '../../src/engine/engine.ts';
import { invalidArgument } from '../../src/errors.ts';
import type { ModelSignature } from '../../src/model-config/signature.ts';

let repository = '';
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'nereid-check-'));
});
afterEach(() => rmSync(repository, { recursive: true }));

function write(path: string, text = 'model'): void {
  mkdirSync(dirname(join(repository, path)), { recursive: true });
  if (path.endsWith('/')) mkdirSync(join(repository, path), { recursive: true });
  else writeFileSync(join(repository, path), text);
}

const tensor = (name: string) =>
  ({ name, datatype: 'FP32', shape: [-1, 4], dimNames: ['batch', ''], isOptional: false, labels: [] }) as const;

const signature: ModelSignature = {
  inputs: [tensor('x')],
  outputs: [tensor('y')],
  irVersion: 8,
  opsets: new Map([['', 17]]),
  producer: '',
  graphName: '',
  description: '',
  modelVersion: 0,
  metadata: new Map(),
};

const engineThat = (inspect: (file: ModelFile) => Promise<ModelSignature>): Engine => ({
  inspect,
  openSession: () => Promise.reject(new Error('checking opens no session')),
  readAssignment: () => Promise.reject(new Error('checking asks for no nodes')),
  cudaDevices: () => [],
  describe: () => ({
    runtimeVersion: '',
    runtimePath: '',
    buildInfo: '',
    providers: [],
    cpuCores: 1,
    cudaProblem: 'there is no GPU',
    driverVersion: null,
    cudaLibraries: [],
    hasTextLocale: true,
    plugins: [],
  }),
});

const engine = engineThat(async () => signature);
const options = { autoComplete: true, configName: null };
const check = async (tested = engine) => (await checkRepository(repository, options, tested)).models;

describe('checking a repository', () => {
  it('finds nothing wrong with a model that needs no configuration', async () => {
    write('digits/1/model.onnx');
    write('digits/2/model.onnx');
    const [verdict] = await check();
    expect(verdict).toMatchObject({ name: 'digits', versions: [2], problems: [] });
    expect(verdict.summary).toContain('dynamic batching, up to 4 rows');
  });

  it('tells file, line and column of a configuration that cannot be read, and goes on', async () => {
    write('a_bad/1/model.onnx');
    write('a_bad/config.pbtxt', 'name: "a_bad"\nmax_batch_sise: 4\n');
    write('b_good/1/model.onnx');
    const [bad, good] = await check();
    expect(bad.problems).toHaveLength(1);
    expect(bad.problems[0]).toMatch(/config\.pbtxt:2:1.*max_batch_sise.*max_batch_size/);
    expect(good.problems).toEqual([]);
  });

  it('tells which version has a model that cannot be read', async () => {
    write('m/1/model.onnx');
    write('m/2/model.onnx');
    write('m/config.pbtxt', 'version_policy { all { } }');
    const verdicts = await check(
      engineThat(async ({ path }) => {
        if (path.includes('/2/')) throw invalidArgument('the file is cut short');
        return signature;
      }),
    );
    expect(verdicts[0].problems).toEqual(['version 2: the file is cut short']);
    expect(verdicts[0].versions).toEqual([1, 2]);
  });

  it('misses model files, label files and versions', async () => {
    write('no_version/config.pbtxt', 'max_batch_size: 1');
    write('no_file/1/other.onnx');
    write('no_labels/1/model.onnx');
    write('no_labels/config.pbtxt', 'output { name: "y" data_type: TYPE_FP32 dims: 4 label_filename: "classes.txt" }');
    const verdicts = await check();
    expect(verdicts.map(({ name, problems }) => [name, problems.length > 0])).toEqual([
      ['no_file', true],
      ['no_labels', true],
      ['no_version', true],
    ]);
    expect(verdicts[0].problems.join()).toContain('model.onnx');
    expect(verdicts[1].problems.join()).toContain('classes.txt');
    expect(verdicts[2].problems.join()).toContain(
      "at least one version must be available under the version policy of model 'no_version': expected a folder such as 'no_version/1'",
    );
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'a model without a version folder',
      { 'm/model.onnx': '' },
      "'model.onnx' lies in the model's folder itself: put it into 'm/1/'",
    ],
    [
      'a model of another name',
      { 'm/1/mymodel.onnx': 'x' },
      "the folder has 'mymodel.onnx': rename it to 'model.onnx', or set default_model_filename: \"mymodel.onnx\" in config.pbtxt",
    ],
    [
      'a model of another framework',
      { 'm/1/model.pt': 'x' },
      "'model.pt' is a PyTorch model: export it with torch.onnx",
    ],
    ['a version of another name', { 'm/v1/model.onnx': 'x' }, "'model.onnx' lies in 'v1', which is no version"],
    ['a version folder beside the model', { 'm/1/': '', 'm/model.onnx': 'x' }, "move it into '1/'"],
    [
      "the folder of one model's versions",
      { '1/model.onnx': 'x' },
      "--model-repository must name the folder that holds the models' folders",
    ],
  ])('tells the cure of %s', async (_, files, cure) => {
    for (const [path, content] of Object.entries(files)) write(path, content);
    const [verdict] = await check();
    expect(verdict.problems.join()).toContain(cure);
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['nothing', {}, "a folder per version in it, such as 'mymodel/1/model.onnx'"],
    ['a bare model', { 'model.onnx': 'x' }, "a bare model belongs into '<model>/<version>/'"],
    ['a model of another framework', { 'model.safetensors': 'x' }, "'model.safetensors' is weights without a graph"],
    ['a configuration', { 'config.pbtxt': '' }, 'it looks like the folder of one model'],
  ])('notes what to do about a repository that holds %s', async (_, files, cure) => {
    for (const [path, content] of Object.entries(files)) write(path, content);
    const { models, notes } = await checkRepository(repository, options, engine);
    expect(models).toEqual([]);
    expect(notes.join()).toContain(cure);
  });

  it('reports an entry with the name of the model file that is no file', async () => {
    write('folder/1/model.onnx/');
    write('link/1/');
    symlinkSync('nowhere.onnx', join(repository, 'link/1/model.onnx'));
    write('pipe/1/');
    execFileSync('mkfifo', [join(repository, 'pipe/1/model.onnx')]);
    const told = (await check()).map(({ name, problems }) => [name, problems.at(-1)?.split('; ').at(-1)]);
    expect(told).toEqual([
      ['folder', 'what has that name is a folder'],
      ['link', 'what has that name is a link that leads to no file'],
      ['pipe', 'what has that name is a FIFO'],
    ]);
  });

  it('reads the files of warm-up samples, as loading does', async () => {
    write('m/1/model.onnx');
    write('m/warmup/short', 'four');
    const input = 'inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 input_data_file: "short" } }';
    write('m/config.pbtxt', `max_batch_size: 4 model_warmup { name: "w" batch_size: 1 ${input} }`);
    const [{ problems }] = await check();
    expect(problems).toEqual([
      'version 1: warmup setting expects 16 bytes, but the data provided from short only has 4 bytes',
    ]);
  });

  it('tells a library outside the model before the engine is asked', async () => {
    write('m/1/model.onnx');
    write('m/config.pbtxt', 'model_operations { op_library_filename: "/usr/lib/ops.so" }');
    const [{ problems }] = await check(engineThat(() => Promise.reject(invalidArgument('acme:Twice is unknown'))));
    expect(problems.join()).toContain("op library '/usr/lib/ops.so' of model 'm' must stay within the model's folder");
    expect(problems.join()).not.toContain('acme');
  });

  it('passes over folders that are none of ours', async () => {
    for (const path of ['lost+found/', 'docs/readme.md', 'empty/', '__pycache__/x.pyc', '.git/config'])
      write(path, 'x');
    write('m/1/model.onnx');
    const { models, notes } = await checkRepository(repository, options, engine);
    expect(models.map(({ name, problems }) => [name, problems])).toEqual([['m', []]]);
    expect([...notes].sort()).toEqual([
      "folder 'docs' is passed over: it has no version, no config.pbtxt and no model file",
      "folder 'empty' is passed over: it has no version, no config.pbtxt and no model file",
    ]);
  });

  it('finds all faults of a configuration whose folder has no version', async () => {
    write(
      'm/config.pbtxt',
      'name: "other" max_batch_size: -1 input { name: "x" data_type: TYPE_FP32 dims: 0 }\n' +
        'output { name: "y" data_type: TYPE_FP32 dims: 4 } instance_group { count: -3 }',
    );
    const [verdict] = await check();
    const problems = verdict.problems.join();
    for (const fault of [
      "unexpected directory name 'm'",
      "'max_batch_size' must be non-negative",
      'at least one version',
    ])
      expect(problems).toContain(fault);
  });

  it('reports tensors of the configuration that the model does not have', async () => {
    write('m/1/model.onnx');
    write('m/config.pbtxt', 'input { name: "z" data_type: TYPE_FP32 dims: 4 }');
    const [verdict] = await check();
    expect(verdict.problems.join()).toContain('z');
    expect(verdict.summary).toBe('');
  });

  it('checks the configuration that a name selects', async () => {
    write('m/1/model.onnx');
    write('m/configs/broken.pbtxt', 'nonsense: 1');
    expect((await check())[0].problems).toEqual([]);
    const { models: verdicts } = await checkRepository(repository, { ...options, configName: 'broken' }, engine);
    expect(verdicts[0].problems[0]).toContain('configs/broken.pbtxt:1:1');
  });

  it('rejects when there is no such folder', async () => {
    await expect(checkRepository(join(repository, 'gone'), options, engine)).rejects.toThrow("'gone' cannot be read");
  });

  it('knows the targets of aliases', async () => {
    const alias = (name: string, target: string, rest = ''): void =>
      write(
        `${name}/config.pbtxt`,
        `platform: "alias" parameters { key: "target_model" value { string_value: "${target}" } } ${rest}`,
      );
    const version = (number: number): string =>
      `parameters { key: "target_version" value { string_value: "${number}" } }`;
    write('digits/2/model.onnx');
    alias('a_stable', 'digits');
    alias('b_fixed', 'digits', version(1));
    alias('c_elsewhere', 'other');
    alias('d_ring', 'e_ring');
    alias('e_ring', 'd_ring');
    const verdicts = await check();
    const [stable, fixed, elsewhere, ring] = verdicts;
    expect(stable).toMatchObject({ versions: [1], problems: [], summary: "alias of 'digits', newest version" });
    expect(fixed.problems).toEqual(["needs version 1 of model 'digits', of which 2 would be served"]);
    expect(elsewhere).toMatchObject({ problems: [], notes: ["model 'other' that it needs is not in this repository"] });
    expect(ring.problems[0]).toBe('needs itself: d_ring → e_ring → d_ring');
  });
});
