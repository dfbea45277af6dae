import { describe, expect, it } from 'vitest';
import { addSub, cpuSettings, problemOf, resolve } from '../signatures.ts';

const gpus = { ...cpuSettings, gpuOrdinals: [0] };
const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }\n`;
const engine = (text: string) => resolve(text, addSub, gpus).engine;
const accelerator = (name: string, parameters: string): string =>
  `optimization { execution_accelerators { gpu_execution_accelerator { name: "${name}" ${parameters} } } }`;
const option = (key: string, value: string): string => `parameters { key: "${key}" value: "${value}" }`;

describe('the options for the engine', () => {
  it('is all defaults without parameters', () => {
    expect(engine('')).toMatchObject({
      intraOpThreads: 0,
      interOpThreads: 0,
      executionMode: 'sequential',
      graphOptimizationLevel: 99,
      enableMemoryArena: true,
      enableMemoryPattern: true,
      tensorrtOptions: null,
      customOpLibraries: [],
    });
  });

  it('follows the parameters', () => {
    const config = engine(
      parameter('intra_op_thread_count', '3') +
        parameter('inter_op_thread_count', '2') +
        parameter('execution_mode', '1') +
        parameter('enable_mem_arena', '0') +
        parameter('enable_mem_pattern', '0') +
        parameter('session.use_device_allocator_for_initializers', '1') +
        parameter('memory.enable_memory_arena_shrinkage', 'cpu:0;gpu:0') +
        parameter('cudnn_conv_algo_search', '1') +
        parameter('gpu_mem_limit', '1073741824') +
        parameter('arena_extend_strategy', '1') +
        'model_operations { op_library_filename: "ops/custom.so" }',
    );
    expect(config).toMatchObject({
      intraOpThreads: 3,
      interOpThreads: 2,
      executionMode: 'parallel',
      enableMemoryArena: false,
      enableMemoryPattern: false,
      customOpLibraries: ['ops/custom.so'],
    });
    expect([...config.sessionEntries]).toEqual([['session.use_device_allocator_for_initializers', '1']]);
    expect([...config.runEntries]).toEqual([['memory.enable_memory_arena_shrinkage', 'cpu:0;gpu:0']]);
    expect(Object.fromEntries(config.cudaOptions)).toEqual({
      cudnn_conv_algo_search: 'HEURISTIC',
      gpu_mem_limit: '1073741824',
      arena_extend_strategy: 'kSameAsRequested',
    });
  });

  it.each([
    ['-1', 1],
    ['0', 99],
    ['1', 2],
    ['2', 0],
    ['3', 99],
  ])('maps graph level %s to %i', (level, expected) => {
    expect(engine(`optimization { graph { level: ${level} } }`).graphOptimizationLevel).toBe(expected);
  });

  it.each([
    ['intra_op_thread_count', '-1'],
    ['intra_op_thread_count', 'two'],
    ['inter_op_thread_count', '99999'],
    ['execution_mode', '2'],
    ['enable_mem_arena', 'true'],
    ['cudnn_conv_algo_search', '3'],
    ['gpu_mem_limit', '1GB'],
    ['memory.enable_memory_arena_shrinkage', 'all'],
  ])('refuses %s = %s', (key, value) => {
    expect(problemOf(() => engine(parameter(key, value)))).toContain(`parameter '${key}' expects`);
  });

  it('passes options of the CUDA provider on, but for those the server sets', () => {
    const text = accelerator(
      'cuda',
      `${option('use_tf32', '0')} ${option('device_id', '3')} ${option('gpu_external_alloc', '4096')}`,
    );
    const config = resolve(text, addSub, gpus);
    expect(Object.fromEntries(config.engine.cudaOptions)).toEqual({ use_tf32: '0' });
    expect(config.ignoredFields).toEqual([
      "cuda accelerator parameter 'device_id': set by the server",
      "cuda accelerator parameter 'gpu_external_alloc': set by the server",
    ]);
  });

  it.each([
    ['1', 1],
    ['True', 1],
    ['0', 0],
    ['false', 0],
  ])("never lets TensorRT replay graphs, whose inputs would be another batch's: %s", (value, notes) => {
    const config = resolve(accelerator('tensorrt', option('trt_cuda_graph_enable', value)), addSub, gpus);
    expect([...(config.engine.tensorrtOptions?.keys() ?? [])]).toEqual([]);
    expect(config.ignoredFields).toHaveLength(notes);
  });

  it('translates parameters of the TensorRT accelerator', () => {
    const config = engine(
      accelerator(
        'tensorrt',
        `${option('precision_mode', 'FP16')} ${option('max_workspace_size_bytes', '1024')} ${option('trt_engine_cache_enable', 'True')} ${option('trt_dla_core', '1')}`,
      ),
    );
    expect(Object.fromEntries(config.tensorrtOptions ?? [])).toEqual({
      trt_fp16_enable: '1',
      trt_max_workspace_size: '1024',
      trt_engine_cache_enable: '1',
      trt_dla_core: '1',
    });
  });

  it.each([
    [accelerator('vulkan', ''), "unknown Execution Accelerator 'vulkan' is requested"],
    [
      accelerator('tensorrt', option('fast', '1')),
      "unknown parameter 'fast' is provided for TensorRT Execution Accelerator",
    ],
    [accelerator('tensorrt', option('constructor', '1')), "unknown parameter 'constructor'"],
    [accelerator('tensorrt', option('precision_mode', 'FP8')), "got 'FP8'"],
    [accelerator('tensorrt', option('trt_dla_enable', 'yes')), "got 'yes'"],
  ])('refuses accelerators it does not know: %#', (text, expected) => {
    expect(problemOf(() => engine(text))).toContain(expected);
  });

  describe('execution providers of --execution-provider', () => {
    const on = (where: string, name: string, options = ''): string =>
      `optimization { execution_accelerators { ${where}_execution_accelerator: [ { name: "${name}" ${options} } ] } }`;

    it.each(['gpu', 'cpu'])('are asked for by name, with their parameters: %s', (where) => {
      const text = on(where, 'ggml', option('partial', '1'));
      const { plugin, tensorrtOptions } = resolve(text, addSub, { ...cpuSettings, plugins: ['other', 'ggml'] }).engine;
      expect(plugin).toEqual({ name: 'ggml', options: new Map([['partial', '1']]) });
      expect(tensorrtOptions).toBeNull();
    });

    it('stand before the names that the server knows itself', () => {
      expect(
        resolve(on('cpu', 'openvino'), addSub, { ...cpuSettings, plugins: ['openvino'] }).engine.plugin?.name,
      ).toBe('openvino');
      expect(
        resolve(on('gpu', 'tensorrt'), addSub, { ...cpuSettings, plugins: ['tensorrt'] }).engine.tensorrtOptions,
      ).toBeNull();
    });

    it('are refused when they were not registered, and beside another one', () => {
      expect(problemOf(() => engine(on('cpu', 'ggml')))).toContain("unknown Execution Accelerator 'ggml'");
      const two = `optimization { execution_accelerators { cpu_execution_accelerator: [ { name: "a" }, { name: "b" } ] } }`;
      expect(problemOf(() => resolve(two, addSub, { ...cpuSettings, plugins: ['a', 'b'] }))).toContain(
        "a second execution provider 'b' is requested",
      );
    });
  });

  describe('CUDA graphs', () => {
    const asked = accelerator('cuda', option('enable_cuda_graph', '1'));
    const triton = (more = ''): string => `optimization { cuda { graphs: true ${more} } }`;

    it.each([
      ['max_batch_size: 8', [1, 2, 4, 8]],
      ['max_batch_size: 6', [1, 2, 4, 6]],
      ['max_batch_size: 1', [1]],
    ])('are powers of two up to the largest batch, and that: %s', (size, rows) => {
      for (const text of [asked, triton()]) {
        const config = resolve(`${size} ${text}`, addSub, gpus);
        expect(config.engine.graphRows).toEqual(rows);
        expect([...config.engine.cudaOptions.keys()]).toEqual([]);
        expect(config.ignoredFields).toEqual([]);
      }
    });

    it('are the sizes that are written', () => {
      const specs = 'graph_spec { batch_size: 7 } graph_spec { batch_size: 3 } graph_spec { batch_size: 7 }';
      expect(engine(`max_batch_size: 8 ${triton(specs)}`).graphRows).toEqual([3, 7]);
      expect(engine(`max_batch_size: 8 ${triton('graph_spec { }')}`).graphRows).toEqual([1]);
      const text = `max_batch_size: 8 ${triton('graph_spec { batch_size: 9 }')}`;
      expect(problemOf(() => engine(text))).toContain('batch_size expects 1 to max_batch_size (8), got 9');
      const many = Array.from({ length: 65 }, (_, i) => `graph_spec { batch_size: ${i + 1} }`).join(' ');
      expect(problemOf(() => engine(`max_batch_size: 99 ${triton(many)}`))).toContain('at most 64 sizes, got 65');
    });

    it('are not there unless they are asked for', () => {
      for (const text of ['', accelerator('cuda', option('enable_cuda_graph', '0')), 'optimization { cuda { } }']) {
        expect(engine(`max_batch_size: 8 ${text}`).graphRows).toEqual([]);
      }
    });

    it.each([
      [`max_batch_size: 0 ${asked}`, 'does not batch'],
      [
        `max_batch_size: 8 ${asked} ${parameter('memory.enable_memory_arena_shrinkage', 'cpu:0;gpu:0')}`,
        'memory.enable_memory_arena_shrinkage',
      ],
      [
        `max_batch_size: 8 optimization { cuda { graphs: true } execution_accelerators { gpu_execution_accelerator { name: "tensorrt" } } }`,
        'not with the tensorrt accelerator',
      ],
    ])('are left out with a reason: %#', (text, reason) => {
      const config = resolve(text, addSub, gpus);
      expect(config.engine.graphRows).toEqual([]);
      expect(config.ignoredFields.join()).toContain(reason);
    });

    it('are left out where rows of a batch influence each other, because batches are padded', () => {
      const config = resolve(`max_batch_size: 8 ${asked}`, { ...addSub, sharedScale: 'DynamicQuantizeLinear' }, gpus);
      expect(config.engine.graphRows).toEqual([]);
      expect(config.ignoredFields.join()).toContain('DynamicQuantizeLinear takes one scale from all rows');
    });

    it('are not there on the CPU', () => {
      for (const text of [asked, triton()]) {
        const config = resolve(`max_batch_size: 8 ${text}`, addSub, cpuSettings);
        expect(config.engine.graphRows).toEqual([]);
        expect(config.ignoredFields.join()).toContain('all instances are on the CPU');
      }
    });
  });

  it('says that accelerators have no effect on the CPU', () => {
    const config = resolve(accelerator('cuda', option('use_tf32', '0')), addSub, cpuSettings);
    expect(config.ignoredFields.join()).toContain('all instances are on the CPU');
  });
});
