import { describe, expect, it } from 'vitest';
import { configJson, readTritonConfig } from '../src/triton-config.ts';
import { addSub, addSubIo } from './model-config/signatures.ts';

const read = (text: string | null) => readTritonConfig({ modelName: 'm', text });

describe('readTritonConfig', () => {
  it('gives the typed configuration with its defaults, without a model', () => {
    const { config, problems } = read(`max_batch_size: 8 ${addSubIo} dynamic_batching { }`);
    expect(problems).toEqual([]);
    expect(config).toMatchObject({ name: 'm', maxBatchSize: 8, defaultModelFilename: 'model.onnx' });
    expect(config?.inputs.map(({ name, datatype }) => [name, datatype])).toEqual([
      ['INPUT0', 'INT32'],
      ['INPUT1', 'INT32'],
    ]);
    expect(config?.dynamicBatching?.preferredBatchSizes).toEqual([8]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('completes from the declarations of the model', () => {
    const { config, problems } = readTritonConfig({ modelName: 'm', text: null, signature: addSub });
    expect(problems).toEqual([]);
    expect(config?.outputs.map(({ name }) => name)).toEqual(['OUTPUT0', 'OUTPUT1']);
    expect(JSON.parse(configJson(config?.message ?? {}))).toMatchObject({ name: 'm', backend: 'onnxruntime' });
  });

  it('judges by the model only where it is known', () => {
    const text = 'input { name: "x" data_type: TYPE_FP32 dims: 4 } output { name: "y" data_type: TYPE_FP32 dims: 4 }';
    expect(read(text).problems).toEqual([]);
    const { config, problems } = readTritonConfig({ modelName: 'm', text, signature: addSub });
    expect(config).toBeNull();
    expect(problems.map(({ text }) => text).join()).toContain("unexpected inference input 'x'");
  });

  it('tells syntax with its place, and reads no further', () => {
    expect(read('max_batch_size: 4\n  input {')).toMatchObject({
      message: null,
      config: null,
      problems: [{ kind: 'invalid', text: "'{' has no closing '}'", place: { line: 2, column: 9 } }],
    });
  });

  it('tells each unknown field with its place', () => {
    const { message, problems } = read('max_batch: 4\n  inputs { }');
    expect(message).toBeNull();
    expect(problems.map(({ place }) => place)).toEqual([
      { line: 1, column: 1 },
      { line: 2, column: 3 },
    ]);
  });

  it('tells everything at once, by kind', () => {
    const { message, config, problems } = read(`name: "n" version_policy { specific { } }
      response_cache { enable: true } runtime: "x" ${addSubIo}`);
    expect(config).toBeNull();
    expect(message).toMatchObject({ name: 'n', runtime: 'x' });
    expect(problems.map(({ kind, place }) => [kind, place?.line, place?.column])).toEqual([
      ['invalid', 1, 1],
      ['invalid', 1, 28],
      ['unsupported', 2, 7],
      ['ignored', 2, 39],
    ]);
  });

  it('accepts fields without effect', () => {
    const { config, problems } = read(`runtime: "x" ${addSubIo}`);
    expect(config).not.toBeNull();
    expect(problems.map(({ kind }) => kind)).toEqual(['ignored']);
  });

  it('reads JSON and the facts of another machine', () => {
    const text = '{"instanceGroup": [{"kind": "KIND_GPU"}]}';
    const query = { modelName: 'm', text, format: 'json' } as const;
    expect(readTritonConfig(query).problems[0]?.text).toContain('no GPUs are available');
    const { config } = readTritonConfig({ ...query, settings: { gpuOrdinals: [0, 1] } });
    expect(config?.instanceGroups[0]?.gpus).toEqual([0, 1]);
  });

  it('leaves an alias to its target', () => {
    const text = 'platform: "alias" parameters { key: "target_model" value { string_value: "t" } }';
    expect(read(text)).toMatchObject({ message: { platform: 'alias' }, config: null, problems: [] });
  });
});
