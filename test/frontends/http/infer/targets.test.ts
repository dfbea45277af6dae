/** Targets of inference that come again and again, more of them than are kept, in every form. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpFixture, startHttp } from '../../../fakes/http-client.ts';

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.listening.close());

const body = JSON.stringify({ inputs: [{ name: 'IN', shape: [1], datatype: 'INT32', data: [1] }] });

async function askedFor(target: string): Promise<readonly [string, string]> {
  await http.send('POST', target, body);
  const { modelName, modelVersion } = http.server.seen.at(-1)!.request;
  return [modelName, modelVersion];
}

describe('a target of inference', () => {
  it('names its own model each time', async () => {
    const versions = ['', '2'];
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 80; i++) {
        const version = versions[i % 2]!;
        const path = version === '' ? `/v2/models/m${i}/infer` : `/v2/models/m${i}/versions/${version}/infer`;
        expect(await askedFor(path)).toEqual([`m${i}`, version]);
      }
    }
  });

  it('may be longer than those that are kept', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await askedFor(`/v2/models/echo/infer?${'x'.repeat(1000)}`)).toEqual(['echo', '']);
    }
  });

  it('is decoded each time', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await askedFor('/v2/models/a%20b/infer')).toEqual(['a b', '']);
      expect((await http.send('POST', '/v2/models/a%2/infer', body)).status).toBe(400);
    }
  });

  it('takes no other method when it was asked before', async () => {
    await askedFor('/v2/models/echo/infer');
    expect((await http.send('GET', '/v2/models/echo/infer')).status).toBe(405);
  });
});
