import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { invalidArgument } from '../../../../src/errors.ts';
import { encodeRequest, wire } from '../protobuf-oracle.ts';
import { call, failure, type Running, startFrontend } from '../running-frontend.ts';

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

const ask = (method: string, request: object = {}) => call(running.client, method, request);
const refused = (method: string, request: object = {}) => failure(ask(method, request));

const rawCall = (method: string, message: Buffer) =>
  new Promise<Buffer>((resolve, reject) => {
    const path = `/inference.GRPCInferenceService/${method}`;
    const asIs = (bytes: Buffer) => bytes;
    running.client.makeUnaryRequest(path, asIs, asIs, message, (error: Error | null, response: Buffer) =>
      error === null ? resolve(response) : reject(error),
    );
  });

/** Of a load. */
const parameter = (key: string, value: Buffer) => wire.bytes(3, wire.join(wire.bytes(1, key), wire.bytes(2, value)));

describe('health', () => {
  it('is the answer of the server', async () => {
    expect(await ask('ServerLive')).toEqual({ live: true });
    expect(await ask('ServerReady')).toEqual({ ready: true });
    running.server.ready = false;
    expect(await ask('ServerReady')).toEqual({ ready: false });
    running.server.live = false;
    expect(await ask('ServerLive')).toEqual({ live: false });
  });

  it('of a model is ready, not found, or the error of the server', async () => {
    expect(await ask('ModelReady', { name: 'echo' })).toEqual({ ready: true });
    expect(await ask('ModelReady', { name: 'x' })).toEqual({ ready: false });
  });
});

describe('a message that protobuf would not read', () => {
  const load = (value: Buffer): Buffer => wire.join(wire.bytes(2, 'm'), parameter('config', value));

  it.each([
    ['a name that is cut short', 'ModelMetadata', Buffer.from('0a05', 'hex')],
    ['a name that is cut short', 'ModelStatistics', Buffer.from('0a057061', 'hex')],
    ['a name that is no UTF-8', 'ModelReady', Buffer.from('0a01ff', 'hex')],
    ['a name that is a number', 'ModelConfig', Buffer.from('0805', 'hex')],
    ['a flag that is a text', 'RepositoryIndex', Buffer.from('120178', 'hex')],
    ['a group that does not end', 'ServerLive', Buffer.from('0b', 'hex')],
    ['a configuration longer than its parameter', 'RepositoryModelLoad', load(Buffer.from('1a057b7d', 'hex'))],
    ['a configuration that is no UTF-8', 'RepositoryModelLoad', load(wire.bytes(3, Buffer.from('ff', 'hex')))],
    ['a setting that is cut short', 'LogSettings', Buffer.from('0a030a0578', 'hex')],
  ])('is refused: %s', async (_, method, message) => {
    expect(await failure(rawCall(method, message))).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: expect.stringMatching(/^Unable to parse request: /),
    });
    expect(running.server.loads).toHaveLength(0);
  });

  it('is read with fields that the schema does not have', async () => {
    await expect(rawCall('ServerLive', Buffer.from('0801', 'hex'))).resolves.toBeInstanceOf(Buffer);
  });
});

describe('metadata', () => {
  it('of the server and of a model', async () => {
    expect(await ask('ServerMetadata')).toEqual({ name: 'nereid', version: '1.2.3', extensions: ['statistics'] });
    expect(await ask('ModelMetadata', { name: 'echo' })).toEqual({
      name: 'echo',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'IN', datatype: 'INT32', shape: ['-1'] }],
      outputs: [{ name: 'IN', datatype: 'INT32', shape: ['-1'] }],
    });
    expect((await refused('ModelMetadata', { name: 'x' })).code).toBe(grpc.status.NOT_FOUND);
  });

  it('has the configuration in force, with enums and exact 64-bit numbers', async () => {
    running.server.config = (name) => ({
      name,
      max_batch_size: 8,
      input: [{ name: 'IN', data_type: 'TYPE_INT32', dims: [-1, 16] }],
      dynamic_batching: { max_queue_delay_microseconds: 18446744073709551615n, preferred_batch_size: [4, 8] },
      parameters: { key: { string_value: 'v' } },
    });
    const { config } = await ask('ModelConfig', { name: 'echo' });
    expect(config).toMatchObject({
      name: 'echo',
      max_batch_size: 8,
      input: [{ name: 'IN', data_type: 'TYPE_INT32', dims: ['-1', '16'] }],
      dynamic_batching: { max_queue_delay_microseconds: '18446744073709551615', preferred_batch_size: [4, 8] },
      parameters: { key: { string_value: 'v' } },
    });
  });

  it('has exact statistics', async () => {
    const zero = { count: 0, ns: 0 };
    running.server.statistics = (name, version) => [
      {
        name,
        version: version || '1',
        lastInferenceMs: 1_700_000_000_000,
        inferenceCount: 2 ** 52,
        executionCount: 3,
        success: { count: 5, ns: 2 ** 53 - 1 },
        fail: zero,
        queue: zero,
        computeInput: zero,
        computeInfer: zero,
        computeOutput: zero,
        batches: [{ batchSize: 4, computeInput: zero, computeInfer: { count: 1, ns: 7 }, computeOutput: zero }],
        memoryUsage: [{ type: 'CPU', id: 0, byteSize: 99 }],
      },
    ];
    const { model_stats } = await ask('ModelStatistics', { name: 'echo', version: '2' });
    expect(model_stats).toMatchObject([
      {
        name: 'echo',
        version: '2',
        last_inference: '1700000000000',
        inference_count: String(2 ** 52),
        inference_stats: { success: { count: '5', ns: String(2 ** 53 - 1) }, cache_hit: { count: '0' } },
        batch_stats: [{ batch_size: '4', compute_infer: { count: '1', ns: '7' } }],
        memory_usage: [{ type: 'CPU', byte_size: '99' }],
      },
    ]);
  });
});

describe('the repository', () => {
  it('is listed', async () => {
    running.server.index = [{ name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'broken' }];
    expect(await ask('RepositoryIndex', { ready: true })).toEqual({
      models: [{ name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'broken' }],
    });
    expect(running.server.indexCalls).toEqual([true]);
  });

  it('loads with a configuration and files', async () => {
    await ask('RepositoryModelLoad', {
      model_name: 'm',
      parameters: {
        config: { string_param: '{}' },
        'file:1/model.onnx': { bytes_param: Buffer.from([1, 2]) },
      },
    });
    const [{ name, options }] = running.server.loads as [(typeof running.server.loads)[0]];
    expect(name).toBe('m');
    expect(options.config).toBe('{}');
    expect([...options.files].map(([path, bytes]) => [path, [...bytes]])).toEqual([['1/model.onnx', [1, 2]]]);
    await ask('RepositoryModelLoad', { model_name: 'm' });
    expect(running.server.loads[1]!.options).toEqual({ config: null, files: new Map() });
  });

  it('unloads, with dependents when asked', async () => {
    await ask('RepositoryModelUnload', { model_name: 'm', parameters: { unload_dependents: { bool_param: true } } });
    await ask('RepositoryModelUnload', { model_name: 'm', parameters: { other: { int64_param: 1 } } });
    expect(running.server.unloads).toEqual([
      { name: 'm', unloadDependents: true },
      { name: 'm', unloadDependents: false },
    ]);
  });

  it('says why a load failed', async () => {
    running.server.loadFailure = invalidArgument(`load failed for model 'm'`);
    expect(await refused('RepositoryModelLoad', { model_name: 'm' })).toMatchObject({
      code: grpc.status.INVALID_ARGUMENT,
      details: `load failed for model 'm'`,
    });
  });

  it('has no name', async () => {
    for (const method of ['RepositoryIndex', 'RepositoryModelLoad', 'RepositoryModelUnload']) {
      expect(await refused(method, { repository_name: 'r' })).toMatchObject({
        code: grpc.status.UNIMPLEMENTED,
        details: `'repository_name' specification is not supported`,
      });
    }
  });

  it('refuses parameters of the wrong name or type', async () => {
    const load = async (parameters: object) => (await refused('RepositoryModelLoad', { parameters })).details;
    expect(await load({ config: { bool_param: true } })).toBe(
      `invalid value type for load parameter 'config', expected string_param.`,
    );
    expect(await load({ 'file:a': { string_param: 'x' } })).toBe(
      `invalid value type for load parameter 'file:a', expected bytes_param.`,
    );
    expect(await load({ 'file:a': {} })).toContain('expected bytes_param.');
    expect(await load({ nothing: { string_param: 'x' } })).toBe(`unrecognized load parameter 'nothing'.`);
    const parameters = { unload_dependents: { int64_param: 1 } };
    expect((await refused('RepositoryModelUnload', { parameters })).details).toBe(
      `invalid value type for 'unload_dependents' parameter, expected bool_param.`,
    );
    expect(running.server.loads).toHaveLength(0);
  });

  it('refuses a parameter with a name that is special to JavaScript', async () => {
    const entry = wire.join(wire.bytes(1, '__proto__'), wire.bytes(2, wire.bytes(3, 'x')));
    const { details } = await failure(
      rawCall('RepositoryModelLoad', wire.join(wire.bytes(2, 'm'), wire.bytes(3, entry))),
    );
    expect(details).toBe(`unrecognized load parameter '__proto__'.`);
  });

  it('refuses loads with more parameters than a model can have files', async () => {
    const entry = wire.bytes(3, wire.bytes(1, 'k'));
    const { details } = await failure(rawCall('RepositoryModelLoad', Buffer.concat(new Array(10_001).fill(entry))));
    expect(details).toContain('at most 10000');
  });

  it.each([
    ['a long name', wire.bytes(2, 'm'.repeat(5_000_000)), 'longer than 4194304'],
    ['a long configuration', parameter('config', wire.bytes(3, 'c'.repeat(5_000_000))), 'longer than 4194304'],
    ['fields that nobody knows', parameter('config', Buffer.alloc(3 * 40_000, wire.number(99, 1))), 'at most 10000'],
  ])('refuses loads with %s before they are decoded', async (_what, fields, reason) => {
    const { details } = await failure(rawCall('RepositoryModelLoad', fields));
    expect(details).toContain(reason);
  });
});

describe('missing features of the server', () => {
  const disabled = `Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.`;

  it('is said after the form was checked', async () => {
    const system = { name: 'r', key: '/k', byte_size: 4 };
    const cuda = { name: 'r', raw_handle: Buffer.alloc(64), byte_size: 4 };
    for (const [method, request] of [
      ['SystemSharedMemoryRegister', system],
      ['SystemSharedMemoryUnregister', {}],
      ['CudaSharedMemoryRegister', cuda],
      ['CudaSharedMemoryUnregister', { name: 'r' }],
    ] as const) {
      expect(await refused(method, request)).toMatchObject({ code: grpc.status.UNIMPLEMENTED, details: disabled });
    }
    for (const [method, request, text] of [
      ['SystemSharedMemoryRegister', { ...system, name: '' }, `'region name' is necessary to register system`],
      ['SystemSharedMemoryRegister', { ...system, key: '' }, `has no 'key' field`],
      ['SystemSharedMemoryRegister', { ...system, byte_size: 0 }, `has no 'byte_size' field`],
      ['CudaSharedMemoryRegister', { ...cuda, name: '' }, `'region name' is necessary to register cuda`],
      ['CudaSharedMemoryRegister', { ...cuda, raw_handle: Buffer.alloc(0) }, `has no 'raw_handle' field`],
      ['CudaSharedMemoryRegister', { ...cuda, raw_handle: Buffer.alloc(63) }, `'raw_handle' must be a valid`],
      ['CudaSharedMemoryRegister', { ...cuda, device_id: -1 }, `'device_id' must not be negative`],
    ] as const) {
      const { code, details } = await refused(method, request);
      expect(code).toBe(grpc.status.INVALID_ARGUMENT);
      expect(details).toContain(text);
    }
  });

  it('has no regions to show', async () => {
    expect(await ask('SystemSharedMemoryStatus')).toEqual({ regions: {} });
    expect(await ask('CudaSharedMemoryStatus')).toEqual({ regions: {} });
    expect(await refused('SystemSharedMemoryStatus', { name: 'r' })).toMatchObject({
      code: grpc.status.NOT_FOUND,
      details: `Unable to find system shared memory region: 'r'`,
    });
    expect((await refused('CudaSharedMemoryStatus', { name: 'r' })).details).toContain('cuda shared memory region');
  });

  it('includes trace and log settings, and unknown methods', async () => {
    expect((await refused('TraceSetting')).code).toBe(grpc.status.UNIMPLEMENTED);
    expect((await refused('LogSettings')).code).toBe(grpc.status.UNIMPLEMENTED);
    expect((await failure(rawCall('NoSuchMethod', Buffer.alloc(0)))).code).toBe(grpc.status.UNIMPLEMENTED);
  });
});

describe('malformed control requests', () => {
  it('are invalid arguments, however deep they nest', async () => {
    const deep = Buffer.concat(new Array(200_000).fill(wire.tag(100, 3)));
    for (const message of [Buffer.from([0x0a, 0xff]), deep]) {
      for (const method of ['ModelMetadata', 'RepositoryModelLoad', 'TraceSetting']) {
        expect((await failure(rawCall(method, message))).code).toBe(grpc.status.INVALID_ARGUMENT);
      }
    }
  });

  it('of more than a megabyte are refused unread', async () => {
    const { code, details } = await failure(rawCall('ModelMetadata', encodeRequest({ id: 'x'.repeat(1_100_000) })));
    expect(code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(details).toContain('at most 1048576');
  });
});
