import { describe, expect, it } from 'vitest';
import { batchingText } from '../../../src/model-config/batching-text.ts';
import { addSub, addSubIo, cpuSettings, problemOf, resolve, signature, tensor } from '../signatures.ts';

const fixed = signature([tensor('x', [1, 4])], [tensor('y', [1, 4])]);
const scalars = signature([tensor('x', [], 'INT64')], [tensor('y', [], 'INT64')]);
const labels = signature([tensor('x', ['', 4])], [tensor('label', [''], 'INT64'), tensor('p', ['', 3])]);

describe('auto-complete', () => {
  it('makes a batching model of symbolic first dimensions, with dynamic batching', () => {
    const config = resolve(null);
    expect(config).toMatchObject({ name: 'm', maxBatchSize: 4, defaultModelFilename: 'model.onnx' });
    expect(config.dynamicBatching).toMatchObject({ preferredBatchSizes: [4], maxQueueDelayUs: 0 });
    expect(config.inputs.map(({ name, datatype, dims, reshape }) => [name, datatype, dims, reshape])).toEqual([
      ['INPUT0', 'INT32', [16], null],
      ['INPUT1', 'INT32', [16], null],
    ]);
    expect(config.message).toMatchObject({
      name: 'm',
      backend: 'onnxruntime',
      platform: 'onnxruntime_onnx',
      max_batch_size: 4,
      dynamic_batching: { preferred_batch_size: [4] },
      version_policy: { latest: { num_versions: 1 } },
      instance_group: [{ name: 'm', count: 1, kind: 'KIND_CPU', gpus: [] }],
      optimization: { input_pinned_memory: { enable: true }, output_pinned_memory: { enable: true } },
    });
  });

  it('treats an empty file as no file', () => {
    expect(resolve('').message).toEqual(resolve(null).message);
  });

  it('takes the default max_batch_size from the settings, and adds no dynamic batching at 1', () => {
    expect(resolve(null, addSub, { ...cpuSettings, defaultMaxBatchSize: 32 }).maxBatchSize).toBe(32);
    const single = resolve(null, addSub, { ...cpuSettings, defaultMaxBatchSize: 1 });
    expect([single.maxBatchSize, single.dynamicBatching]).toEqual([1, null]);
    expect(resolve(null, addSub, { ...cpuSettings, defaultMaxBatchSize: 0 }).inputs[0]?.dims).toEqual([-1, 16]);
  });

  it('lets requests share batches of a model with a scale over all rows only when told so', () => {
    const quantized = { ...addSub, sharedScale: 'DynamicQuantizeLinear' };
    const implied = resolve(null, quantized);
    expect([implied.maxBatchSize, implied.dynamicBatching]).toEqual([4, null]);
    expect(batchingText(implied)).toBe(
      "batches of one request, up to 4 rows (the server's default; max_batch_size in config.pbtxt overrides): " +
        'DynamicQuantizeLinear takes one scale from all rows of a batch; dynamic_batching { } in config.pbtxt overrides',
    );
    expect(resolve('max_batch_size: 8', quantized).dynamicBatching).toBeNull();
    const told = resolve('max_batch_size: 8 dynamic_batching { }', quantized);
    expect(told.dynamicBatching).not.toBeNull();
    expect(batchingText(told)).toBe('dynamic batching, up to 8 rows');
  });

  it('serves full shapes of a model that does not batch', () => {
    const config = resolve(null, fixed);
    expect([config.maxBatchSize, config.dynamicBatching, config.inputs[0]?.dims]).toEqual([0, null, [1, 4]]);
  });

  it('keeps a written max_batch_size: 0, unlike Triton', () => {
    const config = resolve('max_batch_size: 0');
    expect([config.maxBatchSize, config.inputs[0]?.dims, config.dynamicBatching]).toEqual([0, [-1, 16], null]);
  });

  it('believes a written max_batch_size where only dimension names speak against batching', () => {
    const model = signature([tensor('x', ['N', 4])], [tensor('y', ['K', 4])]);
    expect(resolve(null, model).maxBatchSize).toBe(0);
    expect(resolve('max_batch_size: 16', model).maxBatchSize).toBe(16);
  });

  it('refuses a written max_batch_size for a model that cannot batch', () => {
    expect(problemOf(() => resolve('max_batch_size: 8', fixed))).toContain(
      "autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified",
    );
  });

  it('shows a scalar as [1], which the model sees as a scalar', () => {
    const config = resolve(null, scalars);
    expect(config.inputs[0]).toMatchObject({ dims: [1], reshape: [] });
    expect(config.message.input).toEqual([{ name: 'x', data_type: 'TYPE_INT64', dims: [1] }]);
  });

  it('shows rows without further dimensions as [1], reshaped', () => {
    const config = resolve(null, labels);
    expect(config.outputs[0]).toMatchObject({ name: 'label', dims: [1], reshape: [] });
    expect(config.message.output).toMatchObject([{ name: 'label', dims: [1], reshape: { shape: [] } }, { dims: [3] }]);
  });

  it('gives a tensor of unknown rank no dims', () => {
    const config = resolve(null, signature([tensor('x', null)], [tensor('y', [3])]));
    expect([config.maxBatchSize, config.inputs[0]?.dims, config.inputs[0]?.reshape]).toEqual([0, [], null]);
  });

  it('keeps extents of zero that the model declares', () => {
    const config = resolve(null, signature([tensor('x', [0])], [tensor('y', [0, ''])]));
    expect([config.inputs[0]?.dims, config.outputs[0]?.dims]).toEqual([[0], [0, -1]]);
  });

  it('serves a model without inputs', () => {
    const config = resolve(null, signature([], [tensor('y', ['', 2])]));
    expect([config.maxBatchSize, config.inputs, config.outputs[0]?.dims]).toEqual([0, [], [-1, 2]]);
  });

  it('lists initializers as optional inputs where the model does not batch, and leaves them out where it does', () => {
    const weights = tensor('w', [4, 4], 'FP32', true);
    const single = resolve(null, signature([tensor('x', [1, 4]), weights], [tensor('y', [1, 4])]));
    expect(single.inputs.map(({ name, isOptional }) => [name, isOptional])).toEqual([
      ['x', false],
      ['w', true],
    ]);
    const batching = resolve(null, signature([tensor('x', ['', 4]), weights], [tensor('y', ['', 4])]));
    expect([batching.maxBatchSize, batching.inputs.map(({ name }) => name)]).toEqual([4, ['x']]);
  });

  it('fills the side that is missing and checks the other', () => {
    const inputs = addSubIo.split('\n')[1] ?? '';
    expect(resolve(inputs).outputs.map(({ name }) => name)).toEqual(['OUTPUT0', 'OUTPUT1']);
    expect(problemOf(() => resolve(inputs.replace('TYPE_INT32', 'TYPE_FP32')))).toContain(
      "configuration expects datatype TYPE_FP32 for input 'INPUT0', model provides TYPE_INT32",
    );
  });

  it('does not batch when the listed side shows full shapes', () => {
    const config = resolve((addSubIo.split('\n')[1] ?? '').replaceAll('[ 16 ]', '[ -1, 16 ]'));
    expect([config.maxBatchSize, config.outputs[0]?.dims]).toEqual([0, [-1, 16]]);
  });

  it('adds no dynamic batching to a configuration that lists inputs and outputs', () => {
    const config = resolve(`max_batch_size: 8 ${addSubIo}`);
    expect([config.maxBatchSize, config.dynamicBatching]).toEqual([8, null]);
  });

  it('fills names but nothing else when it is disabled', () => {
    const strict = { ...cpuSettings, autoComplete: false };
    const config = resolve(`platform: "onnxruntime_onnx" max_batch_size: 8 ${addSubIo}`, addSub, strict);
    expect(config.message).toMatchObject({ backend: 'onnxruntime', default_model_filename: 'model.onnx' });
    expect(problemOf(() => resolve('backend: "onnxruntime"', addSub, strict))).toContain(
      "unable to load model 'm', configuration expects 0 inputs, model provides 2",
    );
    expect(problemOf(() => resolve('', addSub, strict))).toBe("must specify 'platform' or 'backend' for 'm'");
    expect(problemOf(() => resolve(null, addSub, strict))).toContain('has no config.pbtxt');
  });
});
