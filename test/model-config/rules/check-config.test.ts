import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../src/errors.ts';
import { resolveModelConfig } from '../../../src/model-config/resolve-config.ts';
import type { TensorSpec } from '../../../src/model-config/signature.ts';
import { addSub, addSubIo, cpuSettings, problemOf, resolve, signature, tensor, withoutPlaces } from '../signatures.ts';

const whole = (more: string): string => `backend: "onnxruntime" max_batch_size: 8 ${addSubIo} ${more}`;
const sequenceModel = signature(
  [tensor('INPUT', ['', 1], 'INT32'), tensor('START', ['', 1], 'INT32'), tensor('READY', ['', 1], 'INT32')],
  [tensor('OUTPUT', ['', 1], 'INT32')],
);
const sequence = (block: string): string => `max_batch_size: 8
  input { name: "INPUT" data_type: TYPE_INT32 dims: 1 } output { name: "OUTPUT" data_type: TYPE_INT32 dims: 1 }
  sequence_batching { ${block} }`;
const start = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }';
const ready = 'control_input { name: "READY" control { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } }';
const ensemble = (block: string): string => `platform: "ensemble"
  input { name: "A" data_type: TYPE_FP32 dims: 1 } output { name: "B" data_type: TYPE_FP32 dims: 1 } ${block}`;
const step = (maps: string): string => `ensemble_scheduling { step { ${maps} } }`;
const sample = (inputs: string, rows = 1): string => whole(`model_warmup { name: "w" batch_size: ${rows} ${inputs} }`);
const zeros = (name: string): string =>
  `inputs { key: "${name}" value { data_type: TYPE_INT32 dims: 16 zero_data: true } }`;

describe('rules of a configuration', () => {
  it('accepts a complete configuration', () => {
    expect(resolve(whole('')).ignoredFields).toEqual([]);
  });

  it.each([
    ['name: "other"', "unexpected directory name 'm' for model 'other', directory name must equal model name"],
    [
      'backend: "onnxruntime" platform: "tensorflow_graphdef"',
      "unexpected 'platform' and 'backend' pair, got:tensorflow_graphdef, onnxruntime",
    ],
    [
      'platform: "onnxruntime_onnx" backend: "python"',
      "unexpected 'platform' and 'backend' pair, got:onnxruntime_onnx, python",
    ],
    [
      'platform: "onnxruntime_onx"',
      "unexpected platform type 'onnxruntime_onx' for m, did you mean 'onnxruntime_onnx'?",
    ],
    ['backend: "python"', "unable to find backend library for backend 'python' of model 'm'"],
    [
      'default_model_filename: "../2/model.onnx"',
      "model file name '../2/model.onnx' of model 'm' must stay within the version's folder",
    ],
    ['default_model_filename: "/etc/passwd"', 'must stay within'],
    ['cc_model_filenames { key: "9.0" value: "a/../../x" }', 'must stay within'],
    ['max_batch_size: -1', "'max_batch_size' must be non-negative value for m"],
    ['version_policy { specific { versions: [ 1, -1 ] } }', 'asks for version -1'],
    ['version_policy { specific { } }', 'lists no versions'],
    ['cc_model_filenames { key: "nine" value: "x.onnx" }', "got 'nine'"],
    ['metric_tags { key: "a-b" value: "c" }', "metric_tags key 'a-b'"],
    ['model_metrics { metric_control { } }', "metric control must specify 'metric_identifier'"],
    [
      'model_metrics { metric_control { metric_identifier { } histogram_options { buckets: 1 } } }',
      "metric identifier must specify non-empty 'family'",
    ],
    [
      'model_metrics { metric_control { metric_identifier { family: "f" } } }',
      "metric control must specify 'histogram_options'",
    ],
    [
      'model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { } } }',
      "histogram options must specify non-empty 'buckets'",
    ],
    [
      'model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: [ 2, 1 ] } } }',
      'finite and ascending',
    ],
    [
      'model_operations { op_library_filename: "/usr/lib/x.so" }',
      "op library '/usr/lib/x.so' of model 'm' must stay within",
    ],
  ])('refuses %s', (text, expected) => {
    expect(problemOf(() => resolve(text))).toContain(expected);
  });

  it.each([
    ['dynamic_batching { preferred_batch_size: 0 }', 'dynamic batching preferred size must be positive for m'],
    ['dynamic_batching { preferred_batch_size: 9 }', 'dynamic batching preferred size must be <= max batch size for m'],
    ['dynamic_batching { priority_levels: 3 }', 'default priority level must be in range [1, 3] for m'],
    [
      'dynamic_batching { priority_levels: 3 default_priority_level: 1 priority_queue_policy { key: 4 value { } } }',
      'priority queue policy must have priority level in range [1, 3] for m',
    ],
    [
      'dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }',
      "Only one priority level is allowed when 'preserve_ordering' is true for m",
    ],
    [
      'dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }',
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
    ],
    [
      'batch_input { target_name: "t" data_type: TYPE_INT64 }',
      "batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0 for m; batch input data type must be TYPE_INT32 or TYPE_FP32 for m",
    ],
    [
      'batch_input { target_name: "t" data_type: TYPE_INT32 source_input: "nope" }',
      "unknown source input name 'nope' for m",
    ],
    [
      'batch_output { target_name: [ "OUTPUT0", "OUTPUT0", "NO" ] source_input: "INPUT0" }',
      "target output name 'OUTPUT0' can only be specified once for m; unknown target output name 'NO' for m",
    ],
  ])('refuses %s', (more, expected) => {
    expect(withoutPlaces(problemOf(() => resolve(whole(more))))).toContain(expected);
  });

  it('tells of buckets for a metric family that does not exist', () => {
    const metrics = (family: string) =>
      `model_metrics { metric_control { metric_identifier { family: "${family}" } histogram_options { buckets: [ 1, 2 ] } } }`;
    const ignoredOf = (family: string) => resolve(whole(metrics(family))).ignoredFields;
    expect(ignoredOf('nv_inference_first_response_histogram_ms')).toEqual([]);
    expect(ignoredOf('nv_inference_first_response_histogram_us')).toEqual([
      "model_metrics: there is no histogram family 'nv_inference_first_response_histogram_us', did you mean 'nv_inference_first_response_histogram_ms'?",
    ]);
  });

  it('takes any number of priority levels', () => {
    const levels = 'priority_levels: 18446744073709551615 default_priority_level: 100000';
    const { dynamicBatching } = resolve(whole(`dynamic_batching { ${levels} }`));
    expect(dynamicBatching?.defaultPriorityLevel).toBe(100_000);
  });

  it('says all that is wrong at once', () => {
    const problem = problemOf(() =>
      resolve(
        whole(
          'instance_group { count: -1 } dynamic_batching { preferred_batch_size: 9 } metric_tags { key: "a b" value: "" }',
        ),
      ),
    );
    expect(problem).toContain('preferred size');
    expect(problem).toContain('count -1');
    expect(problem).toContain('metric_tags');
  });
});

describe('inputs and outputs', () => {
  it('are judged with the name of the model at the end, every one of their rules', () => {
    const input = '{ name: "INPUT0" dims: 0 format: FORMAT_NHWC is_shape_tensor: true is_non_linear_format_io: true }';
    const problem = problemOf(() => resolve(`max_batch_size: 8 input [ ${input}, ${input} ]`));
    for (const text of [
      "model input 'INPUT0' must specify 'data_type' for m",
      "model input 'INPUT0' dimension must be integer >= 1, or -1 to indicate a variable-size dimension for m",
      "model input 'INPUT0' is specified more than once for m",
      'model input NHWC/NCHW require 3 dims for m',
      'shape tensors are only supported for TensorRT platform for m',
      'Non-linear IO format is only supported for the TensorRT platform for m',
    ]) {
      expect(problem).toContain(text);
    }
  });

  const io = (input: string): string =>
    `max_batch_size: 8 input [ ${input}, { name: "INPUT1" data_type: TYPE_INT32 dims: 16 } ]`;
  it.each([
    ['{ data_type: TYPE_INT32 dims: 16 }', "model input must specify 'name'"],
    ['{ name: "INPUT0" dims: 16 }', "model input 'INPUT0' must specify 'data_type'"],
    ['{ name: "INPUT0" data_type: TYPE_INVALID dims: 16 }', "model input 'INPUT0' must specify 'data_type'"],
    ['{ name: "INPUT0" data_type: TYPE_INT32 }', "model input 'INPUT0' must specify 'dims'"],
    ['{ name: "INPUT1" data_type: TYPE_INT32 dims: 16 }', "model input 'INPUT1' is specified more than once"],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 0 }',
      "model input 'INPUT0' dimension must be integer >= 1, or -1 to indicate a variable-size dimension",
    ],
    ['{ name: "INPUT0" data_type: TYPE_INT32 dims: -2 }', 'dimension must be integer >= 1'],
    ['{ name: "INPUT0" data_type: TYPE_INT32 dims: 9223372036854775807 }', 'dimension must be integer >= 1'],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 reshape { shape: 0 } }',
      "model input 'INPUT0' reshape dimensions must be integer >= 1, or -1",
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: [ 4, 4 ] reshape { shape: 15 } }',
      "model input 'INPUT0' has different size for dims and reshape",
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1, 2, -1 ] reshape { shape: [ 2, -1, -1 ] } }',
      'different size for dims and reshape',
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1, -1 ] reshape { shape: -1 } }',
      "model input 'INPUT0' has different number of variable-size dimensions for dims and reshape",
    ],
    ['{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 format: FORMAT_NHWC }', 'model input NHWC/NCHW require 3 dims'],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 is_shape_tensor: true }',
      'shape tensors are only supported for TensorRT platform',
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 is_non_linear_format_io: true }',
      'Non-linear IO format is only supported for the TensorRT platform',
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 optional: true }',
      "optional input 'INPUT0' is not supported for models that support batching",
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 allow_ragged_batch: true }',
      'allow_ragged_batch must have the shape [-1]',
    ],
    [
      '{ name: "INPUT9" data_type: TYPE_INT32 dims: 16 }',
      "unexpected inference input 'INPUT9', allowed inputs are: INPUT0, INPUT1, did you mean 'INPUT0'?",
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_FP32 dims: 16 }',
      "unable to load model 'm', configuration expects datatype TYPE_FP32 for input 'INPUT0', model provides TYPE_INT32",
    ],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 32 }',
      "model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,32])",
    ],
    ['{ name: "INPUT0" data_type: TYPE_INT32 dims: -1 }', 'making complete shape [-1,-1]'],
    [
      '{ name: "INPUT0" data_type: TYPE_INT32 dims: 16 }, { name: "X" data_type: TYPE_INT32 dims: 16 }',
      "unable to load model 'm', configuration expects 3 inputs, model provides 2",
    ],
  ])('refuses input %s', (input, expected) => {
    expect(problemOf(() => resolve(io(input)))).toContain(expected);
  });

  it('names the inputs that are not configured', () => {
    const problem = problemOf(() =>
      resolve('max_batch_size: 8 input { name: "INPUT0" data_type: TYPE_INT32 dims: 16 }'),
    );
    expect(problem).toContain("unable to load model 'm', configuration expects 1 inputs, model provides 2");
    expect(problem).toContain("'INPUT1'");
  });

  it('accepts a reshape that keeps the elements, with variable dimensions in order', () => {
    const model = signature([tensor('x', ['', '', 6])], [tensor('y', ['', 6])]);
    const config = resolve(
      `max_batch_size: 2 input { name: "x" data_type: TYPE_FP32 dims: [ -1, 2, 3 ] reshape { shape: [ -1, 6 ] } }
       output { name: "y" data_type: TYPE_FP32 dims: [ 2, 3 ] reshape { shape: 6 } }`,
      model,
    );
    expect([config.inputs[0]?.reshape, config.outputs[0]?.reshape]).toEqual([[-1, 6], [6]]);
  });

  it('lets an input fix open dimensions of the model, but not an output', () => {
    const model = signature([tensor('x', [''])], [tensor('y', [''])]);
    const text = (dims: string) =>
      `input { name: "x" data_type: TYPE_FP32 dims: 3 } output { name: "y" data_type: TYPE_FP32 dims: ${dims} }`;
    expect(resolve(text('-1'), model).inputs[0]?.dims).toEqual([3]);
    expect(problemOf(() => resolve(text('3'), model))).toContain("tensor 'y'");
  });

  it('lets outputs be left out, and refuses a scalar reshape where there is no batch', () => {
    const text = whole('').replace(/, \{ name: "OUTPUT1".*\]/, ' ]');
    expect(resolve(text).outputs.map(({ name }) => name)).toEqual(['OUTPUT0']);
    const scalar = signature([tensor('x', [])], [tensor('y', [])]);
    const given = (reshape: string) => `input { name: "x" data_type: TYPE_FP32 dims: 1 ${reshape} }`;
    expect(resolve(given(''), scalar).inputs[0]).toMatchObject({ dims: [1], reshape: [] });
    expect(problemOf(() => resolve(given('reshape { }'), scalar))).toContain(
      "model input 'x' cannot have empty reshape for non-batching model as scalar tensors are not supported",
    );
  });

  it('tells where max_batch_size and the model disagree about the batch dimension', () => {
    expect(problemOf(() => resolve(addSubIo))).toContain(
      'the batch dimension belongs to dims unless max_batch_size is at least 1',
    );
    const fixed = signature([tensor('x', [1, 4])], [tensor('y', [1, 4])]);
    const text =
      'max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: 4 } output { name: "y" data_type: TYPE_FP32 dims: 4 }';
    expect(problemOf(() => resolve(text, fixed))).toContain(
      "model 'm', tensor 'x': for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is [1,4]",
    );
  });

  it('refuses an optional input that the model needs', () => {
    const model = signature([tensor('x', [4])], [tensor('y', [4])]);
    expect(
      problemOf(() => resolve('input { name: "x" data_type: TYPE_FP32 dims: 4 optional: true }', model)),
    ).toContain('cannot be optional');
  });

  it('accepts ragged input of a rank-1 model', () => {
    const model = signature([tensor('x', ['']), tensor('n', ['', 1])], [tensor('y', ['', 2])]);
    const text = `max_batch_size: 4 input [ { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true },
      { name: "n" data_type: TYPE_FP32 dims: 1 } ] output { name: "y" data_type: TYPE_FP32 dims: 2 }`;
    expect(resolve(text, model).inputs[0]).toMatchObject({ allowRaggedBatch: true, dims: [-1] });
  });
});

describe('features that this version leaves out', () => {
  it.each([
    ['response_cache { enable: true }', 'response_cache is not supported'],
    ['model_transaction_policy { decoupled: true }', 'decoupled is not possible'],
    ['model_repository_agents { agents { name: "checksum" } }', 'model_repository_agents are not supported'],
    ['batch_output { target_name: "OUTPUT0" source_input: "INPUT0" }', 'batch_output is not supported'],
    ['instance_group { kind: KIND_MODEL }', 'KIND_MODEL'],
    ['instance_group { rate_limiter { resources { name: "R" count: 1 } } }', 'rate_limiter resources'],
    ['instance_group { secondary_devices { device_id: 0 } }', 'secondary_devices'],
    ['parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: "x.so" } }', 'batching plug-ins'],
    ['optimization { execution_accelerators { cpu_execution_accelerator { name: "openvino" } } }', 'openvino'],
  ])('refuses %s as unimplemented', (more, expected) => {
    try {
      resolve(whole(more));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(InferenceError);
      expect((error as InferenceError).code).toBe('unimplemented');
      expect((error as InferenceError).message).toContain(expected);
    }
  });

  it('refuses batch_input as unimplemented, counting its target as an input', () => {
    const ragged = signature([tensor('x', ['']), tensor('ends', [''], 'INT32')], [tensor('y', ['', 2])]);
    const text = `max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
      output { name: "y" data_type: TYPE_FP32 dims: 2 }
      batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "ends" data_type: TYPE_INT32 source_input: "x" }`;
    expect(problemOf(() => resolve(text, ragged))).toBe(
      "config.pbtxt:3:7: model 'm': batch_input is not supported by this version",
    );
  });

  it.each([
    ['response_cache { enable: false }'],
    ['model_transaction_policy { decoupled: false }'],
    ['model_repository_agents { }'],
    ['optimization { priority: PRIORITY_DEFAULT eager_batching: false input_pinned_memory { enable: true } }'],
  ])('accepts %s, which asks for nothing', (more) => {
    expect(resolve(whole(more)).ignoredFields).toEqual([]);
  });

  it.each([
    ['optimization { priority: PRIORITY_MAX }', 'optimization.priority'],
    ['optimization { eager_batching: true }', 'optimization.eager_batching'],
    ['optimization { input_pinned_memory { enable: false } }', 'optimization.input_pinned_memory'],
    ['optimization { cuda { busy_wait_events: true } }', 'optimization.cuda'],
    ['optimization { gather_kernel_buffer_threshold: 3 }', 'optimization.gather_kernel_buffer_threshold'],
    ['instance_group { host_policy: "numa0" }', 'instance_group.host_policy'],
    ['instance_group { rate_limiter { priority: 2 } }', 'instance_group.rate_limiter.priority'],
    ['parameters { key: "mine" value { string_value: "x" } }', "parameters 'mine'"],
    ['runtime: "x"', 'runtime'],
    ['dynamic_batching { default_priority_level: 1 }', 'dynamic_batching.priority_queue_policy'],
  ])('names %s as accepted without effect', (more, expected) => {
    expect(resolve(whole(more)).ignoredFields.join()).toContain(expected);
  });
});

describe('sequence batching', () => {
  it('is refused when it is right', () => {
    expect(problemOf(() => resolve(sequence(`${start} ${ready}`), sequenceModel))).toBe(
      "config.pbtxt:3:3: model 'm': sequence_batching is not supported by this version; requests of a sequence would not reach their state",
    );
  });

  it.each([
    [
      `${start} ${start.replace('START"', 'READY"')}`,
      'sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m',
    ],
    [`${start} ${start}`, "sequence batching control tensor 'START' is specified for multiple control kinds for m"],
    [
      `control_input { control { int32_false_true: [ 0, 1 ] } }`,
      'sequence batching control tensor must have a name for m',
    ],
    [
      'control_input { name: "START" control { } }',
      "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_START for m",
    ],
    [
      'control_input { name: "START" control { int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ] } }',
      "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for CONTROL_SEQUENCE_START for m",
    ],
    [
      'control_input { name: "START" control { int32_false_true: 1 } }',
      "sequence batching control 'int32_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m",
    ],
    [
      'control_input { name: "START" control { fp32_false_true: [ 0, 1 ] } }',
      "configuration expects datatype TYPE_FP32 for input 'START', model provides TYPE_INT32",
    ],
    [
      'control_input { name: "START" control { kind: CONTROL_SEQUENCE_CORRID } }',
      'unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are TYPE_UINT64',
    ],
    [
      'control_input { name: "START" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT32 int32_false_true: [ 0, 1 ] } }',
      "sequence batching must not specify either 'int32_false_true'",
    ],
    [
      `${start} ${ready} oldest { preferred_batch_size: 0 }`,
      'sequence batching preferred batch size must be positive for m',
    ],
    [
      `${start} ${ready} oldest { preferred_batch_size: 9 }`,
      'sequence batching preferred batch size must be <= max batch size for m',
    ],
    [
      `${start} ${ready} direct { minimum_slot_utilization: 1.5 }`,
      'sequence batching minimum slot utilization must be in range (0.0, 1.0] for m',
    ],
    [`${start} ${ready} state { input_name: "NOPE" output_name: "OUTPUT" }`, "unexpected inference input 'NOPE'"],
    [
      `${start} ${ready} state { input_name: "INPUT" output_name: "OUTPUT" initial_state { data_file: "../x" } }`,
      "initial state file '../x' of m must stay within",
    ],
  ])('is told what is wrong: %s', (block, expected) => {
    expect(problemOf(() => resolve(sequence(block), sequenceModel))).toContain(expected);
  });
});

describe('ensembles', () => {
  const maps = 'model_name: "c" input_map { key: "X" value: "A" } output_map { key: "Y" value: "B" }';
  it('are refused when they are right', () => {
    expect(problemOf(() => resolve(ensemble(step(maps))))).toBe(
      "config.pbtxt:2:102: model 'm': ensembles (ensemble_scheduling) are not supported by this version",
    );
  });

  it.each([
    [ensemble(''), 'ensemble scheduling must be set for ensemble m whose platform is ensemble'],
    [ensemble('ensemble_scheduling { }'), "must specify 'step' for ensemble 'm'"],
    [
      `backend: "onnxruntime" ${step(maps)}`,
      "ensemble scheduling cannot be set for model 'm' whose platform is not ensemble",
    ],
    [
      ensemble(`backend: "onnxruntime" ${step(maps)}`),
      "Ensemble model 'm' must have platform type 'ensemble' and empty backend type",
    ],
    [
      ensemble(step('output_map { key: "Y" value: "B" }')),
      "must specify 'model_name' in step 0 of ensemble 'm'; must specify 'input_map' in step 0 of ensemble 'm'",
    ],
    [ensemble(step('model_name: "c" input_map { key: "X" value: "A" }')), "must specify 'output_map' in step 0"],
    [ensemble(step(maps.replace('value: "A"', 'value: "Z"'))), "ensemble input 'A' for ensemble m' is not used"],
    [
      ensemble(step(maps.replace('value: "B"', 'value: "Z"'))),
      "ensemble output 'B' for ensemble m' is not used; ensemble tensor 'Z' is unused in ensemble 'm'",
    ],
    [
      ensemble(step(maps.replace('value: "A"', 'value: "Z"'))),
      "output 'B' for ensemble 'm' is not written: at least one of its depending tensors, 'Z', is not connected",
    ],
    [
      ensemble(step(maps.replace('value: "B"', 'value: "A"'))),
      "ensemble tensor 'A' can appear in an output map only once for ensemble 'm' step 0",
    ],
    [
      ensemble(`${step(maps)} instance_group { } optimization { } model_warmup { }`),
      "instance group should not be specified for ensemble 'm'; optimization should not be specified for ensemble 'm'; model_warmup can not be specified for ensemble 'm'",
    ],
  ])('are told what is wrong: %.70s', (text, expected) => {
    expect(withoutPlaces(problemOf(() => resolve(text)))).toContain(expected);
  });
});

describe('warm-up samples', () => {
  it('are read', () => {
    const config = resolve(
      sample(
        `count: 3 ${zeros('INPUT0')} inputs { key: "INPUT1" value { data_type: TYPE_INT32 dims: 16 input_data_file: "one" } }`,
        8,
      ),
    );
    expect(config.warmup[0]).toMatchObject({ name: 'w', batchSize: 8, count: 3 });
    expect(config.warmup[0]?.inputs.get('INPUT1')?.source).toEqual({ kind: 'file', file: 'one' });
  });

  it.each([
    [sample(zeros('INPUT0')), "input 'INPUT1' is missing"],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1')} ${zeros('NOPE')}`),
      "unexpected inference input 'NOPE', allowed inputs are: INPUT0, INPUT1",
    ],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1').replace('16', '-1')}`),
      "warmup setting expects all variable-size dimensions are specified for input 'INPUT1'",
    ],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1').replace('16', '17')}`),
      "the dims [17] of input 'INPUT1' do not fit [16]",
    ],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1').replace('zero_data: true', '')}`),
      "warmup setting expects input 'INPUT1' to have input_data_type set",
    ],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1').replace('INT32', 'FP32')}`),
      "input 'INPUT1' has data_type TYPE_FP32, the model TYPE_INT32",
    ],
    [
      sample(`${zeros('INPUT0')} ${zeros('INPUT1').replace('zero_data: true', 'input_data_file: "../../x"')}`),
      "file '../../x' of input 'INPUT1' must stay within the model's warmup folder",
    ],
    [sample(`${zeros('INPUT0')} ${zeros('INPUT1')}`, 9), 'batch_size 9 is more than the 8 rows'],
  ])('are told what is wrong: %#', (text, expected) => {
    expect(problemOf(() => resolve(text, addSub))).toContain(expected);
  });
});

describe('a configuration with very many entries', () => {
  const tensorCount = 1000;
  const lines = (entry: (index: number) => string): string =>
    Array.from({ length: tensorCount }, (_, index) => entry(index)).join('\n');

  it('is compared with its model by an index, not each with each', () => {
    let reads = 0;
    const counted = (side: string): TensorSpec[] =>
      Array.from({ length: tensorCount }, (_, index) => {
        const spec = tensor(`${side}${index}`, ['', 1]);
        return Object.defineProperty({ ...spec }, 'name', {
          enumerable: true,
          get: () => {
            reads++;
            return spec.name;
          },
        });
      });
    const text = lines(
      (i) => `input { name: "I${i}" data_type: TYPE_FP32 dims: 1 }
      output { name: "O${i}" data_type: TYPE_FP32 dims: 1 }`,
    );
    expect(resolve(`max_batch_size: 4 ${text}`, signature(counted('I'), counted('O'))).inputs).toHaveLength(
      tensorCount,
    );
    expect(reads).toBeLessThan(20 * tensorCount);
  });

  it.each([
    ['fields that are unknown', lines((i) => `unknown_${i}: 1`)],
    ['inputs that the model has not', lines((i) => `input { name: "x${i}" data_type: TYPE_FP32 dims: 1 }`)],
    ['inputs without a datatype', lines((i) => `input { name: "x${i}" dims: -4 }`)],
    ['groups for GPUs that are not there', lines((i) => `instance_group { kind: KIND_GPU gpus: ${i} }`)],
    ['versions that are none', `version_policy { specific { versions: [ ${lines((i) => `-${i},`)} 1 ] } }`],
    ['warm-ups of inputs that are not there', lines((i) => `model_warmup { batch_size: 1 ${zeros(`y${i}`)} }`)],
    [
      'accelerators',
      `optimization { execution_accelerators { ${lines((i) => `gpu_execution_accelerator { name: "${i}" }`)} } }`,
    ],
  ])('is told as many of its faults as anybody reads: %s', (_, text) => {
    expect(problemOf(() => resolve(text)).length).toBeLessThan(20_000);
  });

  it('keeps as many notes of fields without effect as anybody reads', () => {
    const parameters = lines((i) => `parameters { key: "k${i}" value { string_value: "" } }`);
    const { ignoredFields } = resolve(whole(parameters));
    expect([ignoredFields.length, ignoredFields.at(-1)]).toEqual([101, 'and 900 more']);
  });

  it('is refused where it has more dimensions than any operator takes', () => {
    const dims = lines(() => '2,');
    expect(problemOf(() => resolve(`input { name: "INPUT0" data_type: TYPE_FP32 dims: [ ${dims} 2 ] }`))).toContain(
      "model input 'INPUT0' has 1001 dimensions: expected at most 128 for m",
    );
  });
});

describe('the place of a refused field', () => {
  const io = `max_batch_size: 4
input {
  name: "INPUT0"
  data_type: TYPE_INT32
  dims: [ 16 ]
}
input [ { name: "INPUT1" data_type: TYPE_INT32 dims: 16 } ]
output {
  name: "OUTPUT0" data_type: TYPE_INT32 dims: 16
}
output { name: "OUTPUT1" data_type: TYPE_INT32 dims: 16 }
`;
  const placeOf = (text: string): string => problemOf(() => resolve(text)).split(': ')[0];

  it.each([
    ['a field of the configuration', io.replace(': 4', ': -1'), '1:1'],
    ['a field of a tensor', io.replace('[ 16 ]', '[ 0 ]'), '5:3'],
    ['a tensor that lacks the field', io.replace('  data_type: TYPE_INT32\n', ''), '2:1'],
    ['a tensor in a list', io.replace('name: "INPUT1" ', ''), '7:9'],
    ['a field that the model contradicts', io.replace('INT32 dims: 16\n', 'FP32 dims: 16\n'), '9:19'],
    ['a key of a map', `${io}metric_tags { key: "ok" value: "" }\n metric_tags { key: "a b" value: "" }`, '13:2'],
    ['a value in a map', `${io}parameters { key: "execution_mode" value { string_value: "2" } }`, '12:1'],
    ['an entry of a list', `${io}metric_tags [ { key: "ok" value: "" }, { key: "a b" value: "" } ]`, '12:40'],
    ['a message in a message', `${io}version_policy {\n  specific { }\n}`, '13:3'],
    [
      'a field behind letters of several bytes',
      `${io}metric_tags { key: "k" value: "模型" } runtime: "" instance_group { count: -1 }`,
      '12:67',
    ],
    ['what is correct and left out', `${io}response_cache { enable: true }`, '12:1'],
  ])('is that of %s', (_, text, place) => {
    expect(placeOf(text)).toBe(`config.pbtxt:${place}`);
  });

  it('is found in JSON, and in completed fields', () => {
    const text = '{\n  "max_batch_size": 4,\n  "instance_group": [\n    {"count": -1}]}';
    const source = { kind: 'json', text } as const;
    const query = { modelName: 'm', source, signature: addSub, settings: cpuSettings };
    expect(problemOf(() => resolveModelConfig(query))).toMatch(/^config:4:6: instance group m_0/);
  });

  it('is left out where nothing is written that could be blamed', () => {
    expect(problemOf(() => resolve('platform: ""', addSub, { ...cpuSettings, autoComplete: false }))).toBe(
      "must specify 'platform' or 'backend' for 'm'",
    );
  });
});
