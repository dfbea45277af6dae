import { describe, expect, it } from 'vitest';
import { endpoints, routeOf } from '../../../src/frontends/http/routes.ts';

describe('routeOf', () => {
  it.each([
    ['/v2', { endpoint: 'serverMetadata' }],
    ['/v2/health/live', { endpoint: 'live' }],
    ['/v2/health/ready?x=/y', { endpoint: 'ready' }],
    ['/v2/models/stats', { endpoint: 'allStatistics' }],
    ['/v2/logging', { endpoint: 'logging' }],
    ['/v2/trace/setting', { endpoint: 'globalTrace' }],
    ['/v2/models/m', { endpoint: 'modelMetadata', model: 'm', version: '' }],
    ['/v2/models/m/versions/3', { endpoint: 'modelMetadata', model: 'm', version: '3' }],
    ['/v2/models/m/infer', { endpoint: 'infer', model: 'm', version: '' }],
    ['/v2/models/m/versions/12/infer', { endpoint: 'infer', model: 'm', version: '12' }],
    ['/v2/models/m/generate', { endpoint: 'generate', model: 'm', version: '' }],
    ['/v2/models/m/generate_stream', { endpoint: 'generate', model: 'm', version: '' }],
    ['/v2/models/m/ready', { endpoint: 'modelReady', model: 'm', version: '' }],
    ['/v2/models/m/versions/1/config', { endpoint: 'modelConfig', model: 'm', version: '1' }],
    ['/v2/models/stats/stats', { endpoint: 'modelStatistics', model: 'stats', version: '' }],
    ['/v2/models/m/trace/setting', { endpoint: 'modelTrace', model: 'm', version: '' }],
    ['/v2/models/versions/infer', { endpoint: 'infer', model: 'versions', version: '' }],
    ['/v2/models/a%20b%2Fc/infer', { endpoint: 'infer', model: 'a b/c', version: '' }],
    ['/v2/models/__proto__/infer', { endpoint: 'infer', model: '__proto__', version: '' }],
    ['/v2/models/../infer', { endpoint: 'infer', model: '..', version: '' }],
    ['/v2/repository/index', { endpoint: 'repositoryIndex' }],
    ['/v2/repository/r/index', { endpoint: 'repositoryIndex' }],
    ['/v2/repository/models/m/load', { endpoint: 'load', model: 'm', hasRepository: false }],
    ['/v2/repository/r/models/m/unload', { endpoint: 'unload', model: 'm', hasRepository: true }],
    ['/v2/systemsharedmemory/status', { endpoint: 'regionStatus', kind: 'system', region: '' }],
    ['/v2/systemsharedmemory/region/r/register', { endpoint: 'registerRegion', kind: 'system', region: 'r' }],
    ['/v2/cudasharedmemory/region/r/unregister', { endpoint: 'unregisterRegion', kind: 'cuda', region: 'r' }],
    ['http://host:8000/v2/health/live', { endpoint: 'live' }],
  ])('%s', (target, route) => {
    expect(routeOf(target)).toEqual(route);
  });

  it.each([
    '/',
    '',
    '*',
    '/v1/models/m/infer',
    '/v2/',
    '/v2/models',
    '/v2/models/',
    '/v2/models/m/',
    '/v2/models//infer',
    '/v2/models/m/infer/',
    '/v2/models/m/infer/x',
    '/v2/models/m/versions',
    '/v2/models/m/versions/',
    '/v2/models/m/versions/1/',
    '/v2/models/m/versions/one/infer',
    '/v2/models/m/versions/-1',
    '/v2/models/m/versions/1/trace/setting',
    '/v2/health',
    '/v2/health/live/',
    '/v2/repository/models/m/reload',
    '/v2/systemsharedmemory/region/r/toString',
    '/v2/constructor',
  ])('%s is nothing', (target) => {
    expect(routeOf(target)).toBeNull();
  });

  it.each(['/v2/models/a%/infer', '/v2/models/%zz', '/v2/models/%ff%fe/ready', '/v2/repository/models/%c0%af/load'])(
    'refuses the escape in %s',
    (target) => {
      expect(() => routeOf(target)).toThrow('percent escape');
    },
  );
});

describe('the table of endpoints', () => {
  it.each([
    ['/v2/models/m/infer', { api: 'inference', get: false, post: true }],
    ['/v2/models/m', { api: 'metadata', get: true, post: false }],
    ['/v2/models/m/ready', { api: 'health', get: true, post: false }],
    ['/v2/repository/index', { api: 'model-repository', get: false, post: true }],
    ['/v2/logging', { api: 'logging', get: true, post: true }],
    ['/v2/cudasharedmemory/status', { api: 'shared-memory', get: true, post: false }],
  ])('has the methods and the API of %s', (target, expected) => {
    expect(endpoints[routeOf(target)!.endpoint]).toEqual(expected);
  });
});
