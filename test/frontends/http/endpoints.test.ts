/** Everything but inference: health, metadata, repository, and what is not there. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notFound } from '../../../src/errors.ts';
import { type HttpFixture, json, startHttp } from '../../fakes/http-client.ts';

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
    expect(json(await http.send('GET', '/v1/nothing'))).toEqual({ error: 'Not Found' });
    const answer = await http.send('GET', '/v2/models/echo/infer');
    expect([answer.status, answer.headers.allow, json(answer)]).toEqual([405, 'POST', { error: 'Method Not Allowed' }]);
    expect((await http.send('DELETE', '/v2/models/echo')).status).toBe(405);
  });

  it('have no shared memory, tracing or log settings and say so', async () => {
    expect(json(await http.send('GET', '/v2/systemsharedmemory/status'))).toEqual([]);
    expect((await http.send('GET', '/v2/logging')).status).toBe(501);
    expect((await http.send('GET', '/v2/trace/setting')).status).toBe(501);
    expect((await http.send('POST', '/v2/systemsharedmemory/region/r/register', '{"key":"/k"}')).status).toBe(400);
  });
});
