/** All endpoints but inference: health, metadata, repository, and unknown paths. */

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notFound } from '../../../src/errors.ts';
import { type HttpFixture, json, startHttp } from '../../fakes/http-client.ts';

/** All that comes back on a connection which the server closes; the client leaves its side open. */
function answersTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('close', () => resolve(Buffer.concat(parts).toString()));
  });
}

let http: HttpFixture;
let isExiting = false;
beforeAll(async () => {
  http = await startHttp({ isExiting: () => isExiting });
});
afterAll(() => http.listening.close());

describe('the control endpoints', () => {
  it('tell health by status alone', async () => {
    expect(await http.send('GET', '/v2/health/live')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    http.server.ready = false;
    expect((await http.send('GET', '/v2/health/ready')).status).toBe(400);
    http.server.ready = true;
    isExiting = true;
    expect((await http.send('GET', '/v2/health/ready')).status).toBe(503);
    isExiting = false;
    expect((await http.send('GET', '/v2/models/echo/ready')).status).toBe(200);
  });

  it('tell metadata, configuration and statistics', async () => {
    expect(json(await http.send('GET', '/v2'))).toMatchObject({ name: 'nereid', version: '1.2.3' });
    expect(json(await http.send('GET', '/v2/models/echo'))).toMatchObject({ name: 'echo', versions: ['1'] });
    expect(json(await http.send('GET', '/v2/models/echo/versions/1/config'))).toMatchObject({ name: 'echo' });
    expect(json(await http.send('GET', '/v2/models/echo/stats'))).toEqual({ model_stats: [] });
    expect(json(await http.send('GET', '/v2/models/stats'))).toEqual({ model_stats: [] });
  });

  it('give the index without empty members', async () => {
    http.server.index = [{ name: 'echo', version: '1', state: 'READY', reason: '' }];
    const answer = await http.send('POST', '/v2/repository/index', '{"ready":true}');
    expect(json(answer)).toEqual([{ name: 'echo', version: '1', state: 'READY' }]);
    expect(http.server.indexCalls.at(-1)).toBe(true);
  });

  it.each(['null', '1', '"true"', '[]'])('refuse an index of models that are ready: %s', async (value) => {
    const answer = await http.send('POST', '/v2/repository/index', `{"ready":${value}}`);
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({ error: "Unable to parse 'ready': attempt to access JSON non-boolean as boolean" });
  });

  it('load with configuration and files, and unload', async () => {
    const parameters = { config: '{}', 'file:1/model.onnx': 'AAEC' };
    const loaded = await http.send('POST', '/v2/repository/models/a%20b/load', JSON.stringify({ parameters }));
    expect(loaded.status).toBe(200);
    const { name, options } = http.server.loads.at(-1)!;
    expect([name, options.config]).toEqual(['a b', '{}']);
    expect([...options.files.get('1/model.onnx')!]).toEqual([0, 1, 2]);
    const unload = JSON.stringify({ parameters: { unload_dependents: true } });
    expect((await http.send('POST', '/v2/repository/models/m/unload', unload)).status).toBe(200);
    expect(http.server.unloads.at(-1)).toEqual({ name: 'm', unloadDependents: true });
  });

  it('load and unload in the order of the calls, although a large body takes longer to read', async () => {
    const call = (verb: string, body: string, last = ''): string =>
      `POST /v2/repository/models/m/${verb} HTTP/1.1\r\nHost: a\r\n${last}Content-Length: ${body.length}\r\n\r\n${body}`;
    const large = { 'file:1/model.onnx': Buffer.alloc(4_000_000).toString('base64') };
    const calls = [
      call('load', JSON.stringify({ parameters: large })),
      call('load', '{"parameters":{"config":"{}"}}'),
      call('unload', '{}', 'Connection: close\r\n'),
    ];
    const answers = await answersTo(http.listening.port, calls.join(''));
    expect(answers.match(/HTTP\/1.1 200/g)).toHaveLength(3);
    expect(http.server.controlCalls.slice(-3)).toEqual(['load', 'load', 'unload']);
    expect(http.server.loads.slice(-2).map(({ options }) => options.files.size)).toEqual([1, 0]);
  });

  it('load large files and configurations as small ones', async () => {
    const content = Buffer.alloc(700_001, 'content');
    const config = JSON.stringify({ name: 'm', parameters: { text: { string_value: 'é\n'.repeat(100_000) } } });
    const parameters = { config, 'file:1/model.onnx': content.toString('base64') };
    const loaded = await http.send('POST', '/v2/repository/models/m/load', JSON.stringify({ parameters }));
    expect(loaded.status).toBe(200);
    const { options } = http.server.loads.at(-1)!;
    expect(options.config).toBe(config);
    expect(content.equals(options.files.get('1/model.onnx') as Buffer)).toBe(true);
    const broken = JSON.stringify({ parameters: { 'file:f': `${'A'.repeat(400_000)}*` } });
    const refused = await http.send('POST', '/v2/repository/models/m/load', broken);
    expect([refused.status, json(refused).error]).toEqual([400, "load parameter 'file:f' is not valid base64"]);
    const long = JSON.stringify({ parameters: { config: 'x'.repeat(9_000_000) } });
    expect(json(await http.send('POST', '/v2/repository/models/m/load', long)).error).toMatch(/is longer than 8388608/);
    const wrong = JSON.stringify({ parameters: { 'file:f': [`${'A'.repeat(400_000)}`] } });
    expect((await http.send('POST', '/v2/repository/models/m/load', wrong)).status).toBe(400);
  });

  it.each([
    '/v2/logging',
    '/v2/trace/setting',
    '/v2/repository/index',
    '/v2/repository/models/m/unload',
    '/v2/systemsharedmemory/region/r/register',
  ])('%s refuses a body that would take long to read', async (path) => {
    const answer = await http.send('POST', path, JSON.stringify({ key: 'x'.repeat(2 ** 20) }));
    expect([answer.status, json(answer).error]).toEqual([
      400,
      'the request body has 1048586 bytes, expected at most 1048576',
    ]);
  });

  it('answer failures of a load and malformed load parameters with a reason', async () => {
    http.server.loadFailure = notFound('no such model');
    const failed = await http.send('POST', '/v2/repository/models/m/load');
    http.server.loadFailure = null;
    expect([failed.status, json(failed)]).toEqual([404, { error: 'no such model' }]);
    for (const parameters of [{ 'file:a': '###' }, { 'file:a': 1 }, { other: 1 }, 5]) {
      const answer = await http.send('POST', '/v2/repository/models/m/load', JSON.stringify({ parameters }));
      expect([answer.status, typeof json(answer).error]).toEqual([400, 'string']);
    }
  });

  it('say that a model is unknown', async () => {
    const answer = await http.send('GET', '/v2/models/none');
    expect([answer.status, json(answer).error]).toEqual([404, "Request for unknown model: 'none' is not found"]);
  });

  it('answer other paths with 404 and other methods with 405, in JSON', async () => {
    expect(json(await http.send('GET', '/nothing'))).toEqual({ error: 'Not Found' });
    const answer = await http.send('GET', '/v2/models/echo/infer');
    const error = 'Method Not Allowed: expected POST';
    expect([answer.status, answer.headers.allow, json(answer)]).toEqual([405, 'POST', { error }]);
    const removed = await http.send('DELETE', '/v2/models/echo');
    expect([removed.status, removed.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect((await http.send('DELETE', '/v2/logging')).headers.allow).toBe('GET, HEAD, POST');
  });

  it('take bodies as they are: any coding is refused with 415 and what is accepted', async () => {
    for (const coding of ['br', 'gzip', 'identity, zstd']) {
      const answer = await http.send('POST', '/v2/repository/index', '{}', { 'Content-Encoding': coding });
      expect([coding, answer.status, answer.headers['accept-encoding']]).toEqual([coding, 415, 'identity']);
      expect(json(answer).error).toMatch(/^Unsupported compression type: Content-Encoding is '/);
    }
    const plain = await http.send('POST', '/v2/repository/index', '{}', { 'Content-Encoding': 'identity' });
    expect(plain.status).toBe(200);
  });

  it('have no shared memory, tracing or log settings and say so', async () => {
    expect(json(await http.send('GET', '/v2/systemsharedmemory/status'))).toEqual([]);
    expect((await http.send('GET', '/v2/logging')).status).toBe(501);
    expect((await http.send('GET', '/v2/trace/setting')).status).toBe(501);
    expect((await http.send('POST', '/v2/systemsharedmemory/region/r/register', '{"key":"/k"}')).status).toBe(400);
  });
});

describe('HEAD', () => {
  it.each([
    ...['/v2', '/v2/health/live', '/v2/health/ready', '/v2/models/echo', '/v2/models/echo/versions/1'],
    ...['/v2/models/echo/ready', '/v2/models/echo/config', '/v2/models/echo/stats', '/v2/models/stats'],
    ...[
      '/v2/systemsharedmemory/status',
      '/v2/logging',
      '/v2/trace/setting',
      '/v2/models/none',
      '/',
      '/nothing',
      '/metrics',
    ],
    '/v2/models/echo/infer',
  ])('of %s is GET without its body', async (path) => {
    const get = await http.send('GET', path);
    const head = await http.send('HEAD', path);
    const compared = ['content-length', 'content-type', 'allow'];
    const shown = ({ status, headers }: typeof get) => [status, ...compared.map((name) => headers[name])];
    expect(shown(head)).toEqual(shown(get));
    expect(Number(head.headers['content-length'])).toBe(get.body.length);
    expect(head.body).toHaveLength(0);
  });

  it('leaves nothing behind on its connection', async () => {
    const request = (method: string, more = '') => `${method} /v2 HTTP/1.1\r\nHost: h\r\n${more}\r\n`;
    const text = await http.raw(request('HEAD') + request('HEAD') + request('GET', 'Connection: close\r\n'));
    const heads = text.split('HTTP/1.1 200 OK\r\n').slice(1);
    expect(heads).toHaveLength(3);
    expect(heads[0]).toMatch(/\r\n\r\n$/);
    expect(heads[2]).toMatch(/\r\n\r\n\{"name":"nereid".*\}$/);
  });
});

describe('paths outside of the protocol', () => {
  it('lead on from the root', async () => {
    const answer = json(await http.send('GET', '/'));
    expect(answer).toMatchObject({ name: 'nereid', version: '1.2.3' });
    expect(answer.endpoints.models).toBe('POST /v2/repository/index');
    expect((await http.send('POST', '/')).headers.allow).toBe('GET, HEAD');
  });

  it.each([
    ['/metrics', '--metrics-port'],
    ['/metrics/', '--metrics-port'],
    ['/healthz', '/v2/health/ready'],
    ['/v2/models', 'POST /v2/repository/index'],
    ['/v2/models/?limit=3', 'POST /v2/repository/index'],
    ['/v1/models/echo:predict', '/v2/models/<model>/infer'],
    ['/v2/', 'without a slash'],
    ['/v2/models/echo/', 'without a slash'],
  ])('%s is not there and says where to look', async (path, hint) => {
    const answer = await http.send('GET', path);
    expect(answer.status).toBe(404);
    expect(json(answer).error).toMatch(/^Not Found: /);
    expect(json(answer).error).toContain(hint);
  });
});

describe('a restricted API', () => {
  it('needs its header with its very value, whatever the method; the others do not', async () => {
    const restrictions = [{ apis: ['health', 'inference'] as const, header: 'x-key', value: 'a=b' }];
    const fixture = await startHttp({ restrictions });
    const { status, body } = await fixture.send('GET', '/v2/health/live');
    expect([status, JSON.parse(String(body))]).toEqual([
      403,
      { error: "This API is restricted, expecting header 'x-key'" },
    ]);
    const statusOf = async (method: string, path: string, headers = {}) =>
      (await fixture.send(method, path, '', headers)).status;
    expect(await statusOf('GET', '/v2/models/echo/ready', { 'X-Key': 'a=B' })).toBe(403);
    expect(await statusOf('GET', '/v2/models/echo/ready', { 'X-Key': 'a=bc' })).toBe(403);
    expect(await statusOf('GET', '/v2/models/echo/ready', { 'X-Key': 'a=b' })).toBe(200);
    expect(await statusOf('DELETE', '/v2/health/live')).toBe(403);
    expect(await statusOf('HEAD', '/v2/health/live')).toBe(403);
    expect(await statusOf('POST', '/v2/models/echo/infer')).toBe(403);
    expect(await statusOf('POST', '/v2/models/echo/infer', { 'X-Key': 'a=b' })).toBe(400);
    expect(await statusOf('GET', '/v2')).toBe(200);
    fixture.listening.close();
  });
});
