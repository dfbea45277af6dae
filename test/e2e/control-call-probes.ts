/**
 * Load, unload and index calls, right and broken, in the order in which they are sent: many change the state that the next ones
 * ask for.
 */

import { call, type Flavour, get, oddBodies, post, type Probe, reference } from './control-probes.ts';

export function httpControl(): Probe[] {
  const load = (name: string, body = ''): Probe => post(`/v2/repository/models/${name}/load`, body);
  const unload = (name: string, body = ''): Probe => post(`/v2/repository/models/${name}/unload`, body);
  const index = post('/v2/repository/index');
  return [
    ...oddBodies.map((body) => post('/v2/repository/index', body)),
    ...['true', 'false', 'null', '"true"', '1', '[]', '{}'].map((value) =>
      post('/v2/repository/index', `{"ready":${value}}`),
    ),
    post('/v2/repository/index', '{"ready":true,"ready":false}'),
    post('/v2/repository/index', '{"x":1}'),
    post('/v2/repository/r/index', '{}'),
    ...oddBodies.map((body) => load('nobody', body)),
    ...[
      'nobody',
      'syntax',
      'field',
      'versionless',
      'rule',
      'named',
      'policy',
      '%20',
      '..',
      'a%2Fb',
      '%zz',
      'plain%20',
      '',
    ].flatMap((name) => [load(name), index]),
    ...['nobody', 'syntax', 'field', 'other', '..', '%20', ''].map((name) => unload(name)),
    index,
    load('other'),
    get('/v2/models/other'),
    ...oddBodies.map((body) => load('other', body)),
    ...[
      'null',
      '1',
      '[]',
      '"x"',
      '{}',
      '{"x":1}',
      '{"x":"y"}',
      '{"config":1}',
      '{"config":null}',
      '{"config":""}',
      '{"config":"x"}',
      '{"config":"[]"}',
      '{"config":"{\\"a\\":1}"}',
      '{"config":"{\\"max_batch_size\\":\\"x\\"}"}',
      '{"file:1/model.onnx":"AAAA"}',
      '{"file:1/model.onnx":"!"}',
      '{"file:1/model.onnx":1}',
      '{"file:1/model.onnx":null}',
      '{"file:":"AAAA"}',
      '{"file:../x":"AAAA","config":"{}"}',
      '{"unload_dependents":true}',
      '{"priority":1}',
      '{"config":"{}","config":"{}"}',
    ].map((value) => load('other', `{"parameters":${value}}`)),
    load('other', '{"parameters":{},"parameters":{}}'),
    index,
    get('/v2/models/other'),
    ...oddBodies.map((body) => unload('nobody', body)),
    ...[
      'null',
      '1',
      '[]',
      '{"unload_dependents":1}',
      '{"unload_dependents":"true"}',
      '{"unload_dependents":null}',
    ].flatMap((value) => [unload('other', `{"parameters":${value}}`), load('other')]),
    ...['{}', '{"unload_dependents":true}', '{"x":1}', '{"config":"{}"}'].flatMap((value) => [
      unload('other', `{"parameters":${value}}`),
      index,
      load('other'),
    ]),
    unload('other'),
    index,
    get('/v2/models/other'),
    get('/v2/models/other/config'),
    get('/v2/models/other/stats'),
    get('/v2/models/other/ready'),
    unload('other'),
    unload('versions'),
    index,
    post('/v2/repository/index', '{"ready":true}'),
    get('/v2/models/versions/versions/1'),
    get('/v2/models/versions/versions/2'),
    get('/v2/models/versions/stats'),
    get('/v2/models/stats'),
    load('versions'),
    post('/v2/repository/r/models/other/load', '{}'),
    post('/v2/repository/r/models/other/unload', '{}'),
    post('/v2/repository/models/other/other', '{}'),
    post('/v2/repository/models/other/load/', '{}'),
    post('/v2/repository/models/other/load?x', '{}'),
  ];
}

/** Configurations and files that load calls bring: what they leave behind is asked for. */
export function broughtByLoads(): Probe[] {
  const load = (about: string, parameters: (flavour: Flavour) => object, model = 'other'): Probe => ({
    about: `a load of ${model} with ${about}`,
    http: (flavour) => ({
      method: 'POST',
      target: `/v2/repository/models/${model}/load`,
      body: JSON.stringify({ parameters: parameters(flavour) }),
    }),
  });
  const described = (names: readonly string[]): object[] =>
    names.map((name) => ({ name, data_type: 'TYPE_INT32', dims: [2] }));
  const configOf = ({ backend }: Flavour, more: object): string => {
    const signature = { input: described(['A', 'B']), output: described(['X', 'Y']) };
    return JSON.stringify({ backend, max_batch_size: 4, ...signature, ...more });
  };
  const filesOf = (flavour: Flavour, versions: readonly string[]): object =>
    Object.fromEntries(
      versions
        .flatMap((version) => Object.entries(flavour.files(version)))
        .map(([path, content]) => [`file:${path}`, Buffer.from(content).toString('base64')]),
    );
  const override = (more: object): Probe =>
    load(`the configuration ${JSON.stringify(more)}`, (flavour) => ({ config: configOf(flavour, more) }));
  const bring = (more: object, versions: readonly string[], paths: readonly string[] = [], model = 'other'): Probe =>
    load(
      `${JSON.stringify(more)}, versions ${versions.join(', ')} ${paths.map((path) => `file:${path}`).join()}`,
      (flavour) => ({
        config: configOf(flavour, more),
        ...filesOf(flavour, versions),
        ...Object.fromEntries(paths.map((path) => [`file:${path}`, 'AAAA'])),
      }),
      model,
    );
  const look = [get('/v2/models/other/config'), get('/v2/models/other'), post('/v2/repository/index')];
  const plain = post('/v2/repository/models/other/load');
  const unload = post('/v2/repository/models/other/unload');
  const paths = [
    '1/../../x',
    '/x',
    '..',
    ' ',
    '1',
    '',
    './1/x',
    'a/b/c',
    '1//x',
    'x/',
    'x\0y',
    '.',
    ' 1/x',
    '1/x ',
    '1/./y',
  ];
  const made = [get('/v2/models/made'), get('/v2/models/made/config'), post('/v2/repository/index')];
  return [
    ...[
      plain,
      override({ max_batch_size: 2 }),
      ...look,
      plain,
      ...look,
      override({ max_batch_size: 3, name: 'other' }),
    ],
    ...[...look, unload, ...look, plain, ...look],
    ...[{ name: 'another' }, { max_batch_size: -1 }, { version_policy: { specific: { versions: [7] } } }].flatMap(
      (more) => [override(more), ...look],
    ),
    ...[override({ backend: 'nothing' }), ...look],
    ...[bring({ version_policy: { all: {} } }, ['5', '6']), ...look, plain, ...look],
    ...[bring({ max_batch_size: 1 }, ['1']), ...look, override({}), ...look, unload, ...look, plain, ...look],
    ...[bring({}, []), ...look, bring({}, ['1'], ['config.pbtxt']), ...look],
    ...paths.flatMap((path) => [bring({}, ['1'], [path]), plain]),
    ...[...look, unload],
    ...[bring({ name: 'made' }, ['2'], [], 'made'), ...made],
    ...[post('/v2/repository/models/made/load'), ...made, post('/v2/repository/models/made/unload'), ...made],
    ...[post('/v2/repository/models/made/load'), ...made],
  ];
}

export function grpcControl(): Probe[] {
  const load = (model_name: string, parameters: object = {}): Probe =>
    call('RepositoryModelLoad', { model_name, parameters });
  const unload = (model_name: string, parameters: object = {}): Probe =>
    call('RepositoryModelUnload', { model_name, parameters });
  const index = call('RepositoryIndex', {});
  return [
    index,
    call('RepositoryIndex', { ready: true }),
    call('RepositoryIndex', { repository_name: 'r' }),
    call('RepositoryIndex', { repository_name: 'r', ready: true }),
    call('RepositoryIndex', Buffer.from('0a', 'hex')),
    ...['nobody', 'syntax', 'field', 'versionless', 'rule', 'named', 'policy', '', ' ', '..', 'a/b', 'plain '].flatMap(
      (name) => [load(name), unload(name)],
    ),
    index,
    load('other'),
    ...[
      { x: { string_param: 'y' } },
      { config: { int64_param: 1 } },
      { config: { bool_param: true } },
      { config: {} },
      { config: { string_param: '' } },
      { config: { string_param: 'x' } },
      { config: { string_param: '[]' } },
      { config: { bytes_param: Buffer.from('{}') } },
      { config: { string_param: '{"a":1}' } },
      { config: { string_param: '{"max_batch_size":"x"}' } },
      { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } },
      { 'file:1/model.onnx': { string_param: 'x' } },
      { 'file:1/model.onnx': {} },
      { 'file:': { bytes_param: Buffer.from('x') } },
      { 'file:../x': { bytes_param: Buffer.from('x') }, config: { string_param: '{}' } },
      { unload_dependents: { bool_param: true } },
    ].map((parameters) => load('other', parameters)),
    index,
    ...[
      { unload_dependents: { bool_param: true } },
      { unload_dependents: { int64_param: 1 } },
      { unload_dependents: { string_param: 'true' } },
      { unload_dependents: {} },
      { x: { bool_param: true } },
      {},
    ].flatMap((parameters) => [unload('other', parameters), index, load('other')]),
    call('RepositoryModelLoad', { repository_name: 'r', model_name: 'other' }),
    call('RepositoryModelUnload', { repository_name: 'r', model_name: 'other' }),
    call('RepositoryModelLoad', {}),
    call('RepositoryModelUnload', {}),
    call('RepositoryModelLoad', Buffer.from('1205', 'hex')),
    unload('other'),
    index,
    call('ModelMetadata', reference('other')),
    call('ModelConfig', reference('other')),
    call('ModelStatistics', reference('other')),
    call('ModelReady', reference('other')),
    unload('versions'),
    call('ModelMetadata', reference('versions', '2')),
    call('ModelStatistics', reference('versions', '1')),
    index,
    load('versions'),
  ];
}
