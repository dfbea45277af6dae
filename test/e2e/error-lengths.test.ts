/**
 * No error grows with what was sent: each text, name and number of calls of both protocols is made very long in turn, also
 * those of a configuration that comes with a load.
 */

import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { placeVersion } from '../models/versioned-model.ts';
import { frontendThreadCounts, frontendThreads } from './frontend-thread-counts.ts';
import { type HttpCall, type Outcome, ProtocolClient } from './protocol-client.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

/** Three bytes in UTF-8 and nine in the trailers of gRPC for each character: what costs most. */
const longText = '\u20ac'.repeat(30_000);
/** For heads of HTTP/1.1, which are limited to less. */
const longHead = 'x'.repeat(7000);
/** UTF-16 units of an error that shows a few truncated texts. */
const mostCharacters = 2048;

/** A number of very many digits, as JSON text. */
class Digits {}

/** Copies of a JSON value, each with another of its texts, names or numbers replaced by a long one. */
function* lengthened(value: unknown): Generator<unknown> {
  if (typeof value === 'string') yield longText;
  if (typeof value === 'number') yield new Digits();
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) for (const other of lengthened(item)) yield value.with(i, other);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      for (const other of lengthened(member)) yield { ...value, [key]: other };
      const { [key]: _, ...rest } = value as Record<string, unknown>;
      yield { ...rest, [longText]: member };
    }
  }
}

const digitsMark = '"the digits"';
const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_, member) => (member instanceof Digits ? 'the digits' : member)).replace(
    digitsMark,
    '7'.repeat(30_000),
  );

const inferBody = {
  id: 'one',
  parameters: { note: 'text', priority: 1, timeout: 5, sequence_id: 3, binary_data_output: false },
  inputs: [
    { name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4], parameters: { binary_data_size: 16 } },
    { name: 'OTHER', datatype: 'BYTES', shape: [1], data: ['text'], parameters: { shared_memory_region: 'region' } },
  ],
  outputs: [{ name: 'OUTPUT', parameters: { classification: 1, shared_memory_region: 'region' } }],
};
const plainBody = {
  inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }],
  outputs: [{ name: 'OUTPUT' }],
};

const modelConfig = {
  name: 'adder',
  backend: 'onnxruntime',
  platform: 'onnxruntime_onnx',
  default_model_filename: 'model.onnx',
  max_batch_size: 4,
  version_policy: { specific: { versions: [1] } },
  input: [{ name: 'INPUT', data_type: 'TYPE_FP32', format: 'FORMAT_NONE', dims: [4], reshape: { shape: [4] } }],
  output: [{ name: 'OUTPUT', data_type: 'TYPE_FP32', dims: [4], label_filename: 'labels.txt' }],
  batch_input: [{ kind: 'BATCH_ELEMENT_COUNT', target_name: ['T'], data_type: 'TYPE_FP32', source_input: ['INPUT'] }],
  batch_output: [{ target_name: ['OUTPUT'], kind: 'BATCH_SCATTER_WITH_INPUT_SHAPE', source_input: ['INPUT'] }],
  instance_group: [
    { name: 'group', kind: 'KIND_CPU', count: 1, profile: ['p'], host_policy: 'h', secondary_devices: [] },
  ],
  optimization: {
    graph: { level: 1 },
    execution_accelerators: {
      cpu_execution_accelerator: [{ name: 'openvino', parameters: { key: 'value' } }],
      gpu_execution_accelerator: [
        { name: 'tensorrt', parameters: { precision_mode: 'FP16', max_workspace_size_bytes: '1' } },
      ],
    },
  },
  dynamic_batching: {
    preferred_batch_size: [2],
    priority_levels: 2,
    default_priority_level: 1,
    default_queue_policy: { timeout_action: 'REJECT', default_timeout_microseconds: 5 },
    priority_queue_policy: { '1': { max_queue_size: 4 } },
  },
  parameters: { intra_op_thread_count: { string_value: '1' }, other: { string_value: 'x' } },
  model_warmup: [
    { name: 'w', batch_size: 1, inputs: { INPUT: { data_type: 'TYPE_FP32', dims: [4], input_data_file: 'f' } } },
  ],
  cc_model_filenames: { '6.1': 'model.onnx' },
  metric_tags: { tag: 'value' },
  model_operations: { op_library_filename: ['ops.so'] },
  model_repository_agents: { agents: [{ name: 'checksum', parameters: { key: 'value' } }] },
  response_cache: { enable: false },
  model_metrics: {
    metric_control: [{ metric_identifier: { family: 'nv_x' }, histogram_options: { buckets: [1, 2] } }],
  },
};
const sequenceConfig = {
  sequence_batching: {
    max_sequence_idle_microseconds: 5,
    control_input: [
      { name: 'START', control: [{ kind: 'CONTROL_SEQUENCE_START', int32_false_true: [0, 1] }] },
      { name: 'CORR', control: [{ kind: 'CONTROL_SEQUENCE_CORRID', data_type: 'TYPE_UINT64' }] },
    ],
    state: [
      {
        input_name: 'IN',
        output_name: 'OUT',
        data_type: 'TYPE_FP32',
        dims: [1],
        initial_state: [{ name: 's', data_type: 'TYPE_FP32', dims: [1], data_file: 'f' }],
      },
    ],
  },
};
const ensembleConfig = {
  platform: 'ensemble',
  input: [{ name: 'INPUT', data_type: 'TYPE_FP32', dims: [4] }],
  output: [{ name: 'OUTPUT', data_type: 'TYPE_FP32', dims: [4] }],
  ensemble_scheduling: {
    step: [{ model_name: 'adder', model_version: -1, input_map: { INPUT: 'INPUT' }, output_map: { OUTPUT: 'OUTPUT' } }],
  },
};
const aliasConfig = {
  platform: 'alias',
  parameters: { target_model: { string_value: 'adder' }, target_version: { string_value: '1' } },
};

const post = (target: string, body = '', headers: Record<string, string> = {}): HttpCall => ({
  method: 'POST',
  target,
  body,
  headers,
});

function* httpCalls(): Generator<HttpCall> {
  const infer = '/v2/models/adder/infer';
  for (const body of [inferBody, plainBody]) for (const other of lengthened(body)) yield post(infer, jsonOf(other));
  const heads = ['Content-Encoding', 'Accept-Encoding', 'Inference-Header-Content-Length', 'Content-Type', 'Expect'];
  for (const name of [...heads, 'Transfer-Encoding', 'triton_note']) yield post(infer, '{}', { [name]: longHead });
  yield post(infer, '{}', { 'Inference-Header-Content-Length': '7'.repeat(7000) });
  for (const target of [
    `/v2/models/${longHead}`,
    `/v2/models/adder/versions/${longHead}`,
    `/${longHead}/`,
    `/v2/${longHead}`,
  ]) {
    for (const end of ['', '/', '/ready', '/config', '/stats']) yield { method: 'GET', target: target + end };
    for (const end of ['/infer', '/generate', '/trace/setting']) yield post(target + end, JSON.stringify(plainBody));
  }
  yield { method: 'GET', target: `/v2/models/adder/versions/${'7'.repeat(7000)}` };
  yield { method: longHead, target: '/v2' };
  for (const kind of ['systemsharedmemory', 'cudasharedmemory']) {
    yield { method: 'GET', target: `/v2/${kind}/region/${longHead}/status` };
    for (const other of lengthened({ key: '/k', offset: 0, byte_size: 8, device_id: 0, raw_handle: { b64: 'AA==' } }))
      yield post(`/v2/${kind}/region/r/register`, jsonOf(other));
    yield post(
      `/v2/${kind}/region/${longHead}/register`,
      '{"key":"triton_python_backend_shm","offset":0,"byte_size":8}',
    );
  }
  for (const other of lengthened({ log_file: 'f', log_info: true, log_verbose_level: 1, log_format: 'default' }))
    yield post('/v2/logging', jsonOf(other));
  for (const other of lengthened({
    trace_level: ['TIMESTAMPS'],
    trace_rate: '1',
    trace_count: '-1',
    log_frequency: '0',
  }))
    yield post('/v2/trace/setting', jsonOf(other));
  for (const other of lengthened({ ready: true, other: 'x' })) yield post('/v2/repository/index', jsonOf(other));
  for (const other of lengthened({ parameters: { unload_dependents: true, other: 'x' } }))
    yield post('/v2/repository/models/adder/unload', jsonOf(other));
  yield post(`/v2/repository/models/${longHead}/load`);
  yield post(`/v2/repository/models/${longHead}/unload`);
  for (const other of lengthened({ parameters: { 'file:1/model.onnx': 'AA==', config: '{}', other: 'x' } }))
    yield post('/v2/repository/models/adder/load', jsonOf(other));
  for (const config of loadedConfigs())
    yield post('/v2/repository/models/adder/load', jsonOf({ parameters: { config } }));
}

function* loadedConfigs(): Generator<string> {
  yield longText;
  for (const config of [modelConfig, sequenceConfig, ensembleConfig, aliasConfig])
    for (const other of lengthened(config)) yield jsonOf(other);
}

/** The numbers of a schema have few digits. */
const isWithoutDigits = (message: unknown): boolean => !jsonOf(message).includes('7'.repeat(1000));

function* grpcCalls(): Generator<{ readonly rpc: string; readonly message: object }> {
  const requests: Readonly<Record<string, object>> = {
    ModelReady: { name: 'adder', version: '1' },
    ModelMetadata: { name: 'adder', version: '1' },
    ModelConfig: { name: 'adder', version: '1' },
    ModelStatistics: { name: 'adder', version: '1' },
    RepositoryIndex: { repository_name: 'x' },
    RepositoryModelLoad: {
      repository_name: 'x',
      model_name: 'adder',
      parameters: { config: { string_param: '{}' }, 'file:1/model.onnx': { string_param: 'x' } },
    },
    RepositoryModelUnload: { repository_name: 'x', model_name: 'adder', parameters: { other: { string_param: 'x' } } },
    SystemSharedMemoryStatus: { name: 'x' },
    SystemSharedMemoryRegister: { name: 'x', key: '/k', byte_size: 8 },
    SystemSharedMemoryUnregister: { name: 'x' },
    CudaSharedMemoryStatus: { name: 'x' },
    CudaSharedMemoryRegister: { name: 'x', byte_size: 8 },
    TraceSetting: { model_name: 'adder', settings: { trace_rate: { value: ['1'] } } },
    LogSettings: { settings: { log_format: { string_param: 'default' } } },
    ModelInfer: inferMessage,
    ModelStreamInfer: inferMessage,
  };
  for (const [rpc, message] of Object.entries(requests))
    for (const other of lengthened(message)) if (isWithoutDigits(other)) yield { rpc, message: other as object };
  for (const config of loadedConfigs())
    yield {
      rpc: 'RepositoryModelLoad',
      message: { model_name: 'adder', parameters: { config: { string_param: config } } },
    };
}

const inferMessage = {
  model_name: 'adder',
  model_version: '1',
  id: 'one',
  parameters: { note: { string_param: 'x' }, priority: { string_param: 'x' } },
  inputs: [
    {
      name: 'INPUT',
      datatype: 'FP32',
      shape: [1, 4],
      contents: { fp32_contents: [1, 2, 3, 4] },
      parameters: { shared_memory_region: { string_param: 'x' }, shared_memory_byte_size: { int64_param: 4 } },
    },
  ],
  outputs: [{ name: 'OUTPUT', parameters: { classification: { string_param: 'x' } } }],
};

/** What is wrong with an outcome, else ''. A stream tells its errors in its answers. */
function tooLong({ status, error, answer }: Outcome): string {
  const streamed = Array.isArray(answer) ? (answer as { error_message?: string }[]) : [];
  const length = Math.max(error.length, ...streamed.map(({ error_message = '' }) => error_message.length));
  return length > mostCharacters ? `${status}, ${length} characters: ${error.slice(0, 200)}` : '';
}

async function serve(flags: readonly string[]): Promise<ProtocolClient> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  const repository = join(path, 'models');
  await placeVersion(repository, 'adder', 1);
  const server = await ServerProcess.start(repository, [
    '--model-control-mode=explicit',
    '--load-model=adder',
    '--http-header-forward-pattern=triton_.*',
    '--grpc-header-forward-pattern=triton_.*',
    ...flags,
  ]);
  onTestFinished(async () => void (await server.stop()));
  const client = new ProtocolClient(server.ports);
  onTestFinished(() => client.close());
  return client;
}

describe.each(frontendThreadCounts('1,2'))('an error of a server with %d frontend threads', (count) => {
  it('does not grow with what came over HTTP', async () => {
    const client = await serve([frontendThreads(count)]);
    const wrong: string[] = [];
    let refused = 0;
    for (const call of httpCalls()) {
      const outcome = await client.http(call);
      if (outcome.status !== 200) refused++;
      const problem = tooLong(outcome);
      if (problem !== '') wrong.push(`${call.method} ${call.target.slice(0, 40)}: ${problem}`);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(200);
  });

  it('does not grow with what came over gRPC, and reaches its client', async () => {
    const client = await serve([frontendThreads(count)]);
    const wrong: string[] = [];
    let refused = 0;
    for (const { rpc, message } of grpcCalls()) {
      const outcome = await client.grpc({ rpc, messages: [message] });
      if (outcome.error !== '') refused++;
      const problem = tooLong(outcome);
      // A client that refuses the trailers ends the call as RESOURCE_EXHAUSTED or INTERNAL, with a text of its own.
      if (problem !== '' || [8, 13].includes(outcome.status)) wrong.push(`${rpc}: ${problem || outcome.error}`);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(200);
  });
});
