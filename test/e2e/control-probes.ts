/**
 * Requests that read what is known of models and of the server, right and broken. `placeProbedModels` writes the models that
 * these, and those of control-call-probes.ts, name.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import type { GrpcCall, HttpCall } from './protocol-client.ts';

/** What has to be written otherwise for the two servers. */
export interface Flavour {
  readonly backend: 'python' | 'onnxruntime';
  /** The files of a version, by path within the model. */
  files(version: string): Readonly<Record<string, Uint8Array>>;
}

export type Probe = { readonly about: string } & (
  | { readonly http: (flavour: Flavour) => HttpCall }
  | { readonly grpc: (flavour: Flavour) => GrpcCall }
);

const type = tensorType(elem.int32, ['batch', 2]);
export const probedModel = model({
  nodes: [node('Identity', ['A'], ['X']), node('Identity', ['B'], ['Y'])],
  inputs: [valueInfo('A', type), valueInfo('B', type)],
  outputs: [valueInfo('X', type), valueInfo('Y', type)],
});

export const tensors = `input [ { name: "A" data_type: TYPE_INT32 dims: [2] }, { name: "B" data_type: TYPE_INT32 dims: [2] } ]
output [ { name: "X" data_type: TYPE_INT32 dims: [2] }, { name: "Y" data_type: TYPE_INT32 dims: [2] } ]
`;
const config = `platform: "onnxruntime_onnx"\nmax_batch_size: 4\n${tensors}instance_group [ { count: 1 kind: KIND_CPU } ]\n`;

/** Loaded at start: `plain`, `versions` (1 and 3). There: `other`. Not to be loaded: `syntax`, `field`, `versionless`, `rule`. */
export async function placeProbedModels(repository: string): Promise<void> {
  const place = async (name: string, versions: readonly number[], text = config): Promise<void> => {
    await mkdir(join(repository, name), { recursive: true });
    await writeFile(join(repository, name, 'config.pbtxt'), text);
    for (const version of versions) {
      await mkdir(join(repository, name, String(version)));
      await writeFile(join(repository, name, String(version), 'model.onnx'), probedModel);
    }
  };
  await place('plain', [1]);
  await place('other', [1]);
  await place('versions', [1, 2, 3], `${config}version_policy { specific { versions: [1, 3] } }\n`);
  await place('syntax', [1], `${config}input [\n`);
  await place('field', [1], `${config}max_batch: 3\n`);
  await place('versionless', []);
  await place('rule', [1], config.replace('max_batch_size: 4', 'max_batch_size: -1'));
  await place('named', [1], `name: "unnamed"\n${config}`);
  await place('policy', [1], `${config}version_policy { specific { versions: [7] } }\n`);
}
export const startModels = ['plain', 'versions'];

export const get = (target: string): Probe => ({ about: `GET ${target}`, http: () => ({ method: 'GET', target }) });
export const post = (target: string, body = '', headers?: Record<string, string>): Probe => ({
  about: `POST ${target} ${body}`,
  http: () => ({ method: 'POST', target, body, ...(headers && { headers }) }),
});
export const call = (rpc: string, ...messages: (object | Buffer)[]): Probe => ({
  about: `${rpc} ${messages.map((message) => (Buffer.isBuffer(message) ? message.toString('hex') : JSON.stringify(message))).join(' ')}`,
  grpc: () => ({ rpc, messages }),
});

const models = [
  'plain',
  'versions',
  'other',
  'nobody',
  'syntax',
  'a%20b',
  'pl%61in',
  '%zz',
  '..',
  '.',
  'plain%2Fversions',
  'PLAIN',
  'plain%00',
  '%E2%82%AC',
];
const versions = [
  '',
  '/versions/1',
  '/versions/2',
  '/versions/3',
  '/versions/9',
  '/versions/0',
  '/versions/01',
  '/versions/x',
  '/versions/-1',
  '/versions/+1',
  '/versions/1a',
  '/versions/',
  '/versions/9223372036854775807',
  '/versions/9223372036854775808',
  '/versions/99999999999999999999',
  '/versions/1%20',
];

export const oddBodies = ['', 'nonsense', '[]', 'null', '1', '"x"', '{', '{"a":1}', '{}x', ' {} '];

export function httpReads(): Probe[] {
  const reads: Probe[] = [];
  for (const name of models)
    for (const suffix of ['', '/config', '/stats', '/ready']) reads.push(get(`/v2/models/${name}${suffix}`));
  for (const name of ['plain', 'versions', 'nobody', 'other'])
    for (const version of versions)
      for (const suffix of ['', '/config', '/stats', '/ready'])
        reads.push(get(`/v2/models/${name}${version}${suffix}`));
  const paths = [
    '/v2',
    '/v2/',
    '/',
    '/v1',
    '/v2/health',
    '/v2/health/',
    '/v2/health/live',
    '/v2/health/live/',
    '/v2/health/ready',
    '/v2/health/ready?x=1',
    '/v2/health/other',
    '/v2/models',
    '/v2/models/',
    '/v2/models/stats',
    '/v2/models/stats/',
    '/v2/models/plain/',
    '/v2/models/plain/other',
    '/v2/models/plain/infer',
    '/v2/models/plain/ready/',
    '/v2/models//ready',
    '/v2/models/plain/versions',
    '/v2/models/plain/versions/1/',
    '/v2/models/plain/versions/1/other',
    '/v2/repository/index',
    '/v2/repository',
    '/v2/repository/index/',
    '/v2/repository/r/index',
    '/v2/repository/models/plain/load',
    '/v2/systemsharedmemory/status',
    '/v2/systemsharedmemory/region/r/status',
    '/v2/cudasharedmemory/status',
    '/v2/cudasharedmemory/region/r/status',
    '/v2/systemsharedmemory',
    '/v2/xsharedmemory/status',
    '//v2',
    '/v2//health/live',
    '/V2',
    '/v2/Health/live',
    '/v2/models/plain/config?a=b',
    '/v2/models/plain?x',
    '/metrics',
  ];
  reads.push(...paths.map(get), ...paths.map((path) => post(path)));
  return reads;
}

export const reference = (name: string, version = ''): object => ({ name, version });

export function grpcReads(): Probe[] {
  const reads: Probe[] = [];
  const names = ['plain', 'versions', 'other', 'nobody', 'syntax', '', 'PLAIN', '../plain', 'plain/1', '€', ' plain'];
  const numbers = [
    '',
    '1',
    '2',
    '3',
    '9',
    '0',
    '01',
    'x',
    '-1',
    '+1',
    '1a',
    ' 1',
    '9223372036854775807',
    '9223372036854775808',
    '99999999999999999999',
  ];
  for (const rpc of ['ModelMetadata', 'ModelConfig', 'ModelStatistics', 'ModelReady']) {
    for (const name of names) reads.push(call(rpc, reference(name)));
    for (const name of ['plain', 'versions', 'nobody', ''])
      for (const number of numbers) reads.push(call(rpc, reference(name, number)));
    for (const bytes of [
      '0a',
      '0a05',
      'ff',
      '08',
      '0a05706c61696e',
      '1a00',
      '0a01ff',
      '0b',
      '0c',
      '00',
      '0a05706c61696e0a056e6f6f6e65',
    ])
      reads.push(call(rpc, Buffer.from(bytes, 'hex')));
  }
  for (const rpc of ['ServerLive', 'ServerReady', 'ServerMetadata'])
    reads.push(call(rpc, {}), call(rpc, Buffer.from('0a01', 'hex')), call(rpc, Buffer.from('0801', 'hex')));
  reads.push(
    call('SystemSharedMemoryStatus', {}),
    call('SystemSharedMemoryStatus', { name: 'r' }),
    call('CudaSharedMemoryStatus', {}),
  );
  return reads;
}
