/** Answers about very many models, over real connections. */

import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { internal } from '../../../src/errors.ts';
import type { ModelIndexEntry } from '../../../src/lifecycle/model-index.ts';
import type { ModelStatistics } from '../../../src/lifecycle/version-statistics.ts';
import { type HttpFixture, json, sendOnce, startHttp } from '../../fakes/http-client.ts';

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.listening.close());

const models = 3000;
const index: readonly ModelIndexEntry[] = Array.from({ length: models }, (_, i) => ({
  name: `model-${i}`,
  version: '1',
  state: 'READY',
  reason: 'é'.repeat(1000),
}));
const never = { count: 0, ns: 0 };
const statistics: readonly ModelStatistics[] = index.map(({ name, version }) => ({
  ...{ name, version, lastInferenceMs: 0, inferenceCount: 0, executionCount: 0 },
  ...{ success: never, fail: never, queue: never, computeInput: never, computeInfer: never, computeOutput: never },
  ...{ batches: [], memoryUsage: [] },
}));
const indexRequest = 'POST /v2/repository/index HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

describe('an answer about many models', () => {
  it('is whole and in order', async () => {
    http.server.index = index;
    http.server.statistics = () => statistics;
    const answer = await http.send('POST', '/v2/repository/index');
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    expect(json(answer)).toEqual(index);
    const { model_stats } = json(await http.send('GET', '/v2/models/stats'));
    expect(model_stats.map(({ name }: ModelStatistics) => name)).toEqual(index.map(({ name }) => name));
  });

  it('has no body and no length for HEAD, and leaves the connection to the next request', async () => {
    http.server.statistics = () => statistics;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 2; i++) {
      const { status, headers, body } = await sendOnce(http.listening.port, agent, 'HEAD', '/v2/models/stats');
      expect([status, headers['content-length'], body.length]).toEqual([200, undefined, 0]);
    }
    agent.destroy();
  });

  it('is read no further than its client reads', async () => {
    http.server.index = Array.from({ length: 20 }, () => index).flatMap((entries, i) =>
      entries.map((entry) => ({ ...entry, name: `${entry.name}-${i}` })),
    );
    http.server.indexCalls.length = 0;
    const socket = connect(http.listening.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(indexRequest);
    let before = -1;
    while (http.server.indexCalls.length !== before || before === 0) {
      before = http.server.indexCalls.length;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(before).toBeLessThan(60);
    socket.destroy();
  });

  it('that fails when it has begun is cut off', async () => {
    http.server.index = index;
    const { indexOf } = http.server;
    let pages = 0;
    Object.assign(http.server, {
      indexOf: async (...parameters: Parameters<typeof indexOf>) => {
        if (++pages === 4) throw internal('no');
        return indexOf.apply(http.server, parameters);
      },
    });
    try {
      await expect(http.send('POST', '/v2/repository/index')).rejects.toThrow();
    } finally {
      Object.assign(http.server, { indexOf });
    }
  });
});
