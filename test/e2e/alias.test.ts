/** An alias in the real process: no request is lost while its target reloads, and both planes use its own name. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { placeVersion } from '../models/versioned-model.ts';
import { askUntil, grpcClient, httpClient, type InferClient, type Tally } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const reloads = 10;

async function placeAlias(repository: string, name: string, target: string): Promise<void> {
  await mkdir(join(repository, name), { recursive: true });
  const parameter = `parameters { key: "target_model" value { string_value: "${target}" } }`;
  await writeFile(join(repository, name, 'config.pbtxt'), `platform: "alias"\n${parameter}\n`);
}

async function serve(flags: readonly string[]): Promise<{ server: ServerProcess; repository: string }> {
  const { path: repository, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  await placeVersion(repository, 'adder', 1);
  await placeAlias(repository, 'stable', 'adder');
  const server = await ServerProcess.start(repository, flags);
  onTestFinished(async () => void (await server.stop()));
  return { server, repository };
}

const post = async (server: ServerProcess, path: string, body = ''): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${server.url}${path}`, { method: 'POST', body });
  return { status: answer.status, text: await answer.text() };
};

describe('an alias', () => {
  it('loses no request of many clients while its target reloads, and gets each answered by one version', async () => {
    const { server, repository } = await serve(['--model-control-mode=explicit', '--load-model=stable']);
    const clients: InferClient[] = [];
    for (let i = 0; i < 4; i++) clients.push(httpClient(server.ports), grpcClient(server.ports));
    const newTally = (): Tally => ({ answered: 0, versions: new Map(), failures: [] });
    const tally = newTally();
    const ofTarget = newTally();
    let isOver = false;
    const running = clients.map((client, i) =>
      i < 6 ? askUntil(client, 'stable', () => isOver, tally) : askUntil(client, 'adder', () => isOver, ofTarget),
    );
    for (let version = 2; version <= reloads + 1; version++) {
      await placeVersion(repository, 'adder', version);
      expect((await post(server, '/v2/repository/models/adder/load')).status).toBe(200);
      const seen = tally.versions.get(version) ?? 0;
      for (let i = 0; i < 1000 && (tally.versions.get(version) ?? 0) < seen + 20; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    isOver = true;
    await Promise.all(running);
    for (const client of clients) client.close();
    expect([...tally.failures, ...ofTarget.failures]).toEqual([]);
    expect(ofTarget.answered).toBeGreaterThan(0);
    expect([...tally.versions.keys()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: reloads + 1 }, (_, i) => i + 1),
    );
    const index = JSON.parse((await post(server, '/v2/repository/index')).text) as { name: string; state: string }[];
    expect(index.filter(({ state }) => state === 'READY')).toMatchObject([
      { name: 'adder', version: '11' },
      { name: 'stable', version: '1' },
    ]);
  });

  it('has metadata, configuration, statistics and readiness of its own, and leaves service with its target', async () => {
    const { server } = await serve(['--model-control-mode=explicit', '--load-model=stable']);
    const read = async (path: string): Promise<unknown> =>
      (await fetch(`${server.url}/v2/models/stable${path}`)).json();
    const input = { name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] };
    const ask = () => post(server, '/v2/models/stable/infer', JSON.stringify({ inputs: [input] }));
    const answer = await ask();
    expect(JSON.parse(answer.text)).toMatchObject({
      model_name: 'stable',
      model_version: '1',
      outputs: [{ data: [2, 3, 4, 5] }],
    });
    expect(await read('')).toMatchObject({ name: 'stable', platform: 'alias', inputs: [{ name: 'INPUT' }] });
    expect(await read('/config')).toMatchObject({ name: 'stable', platform: 'alias', max_batch_size: 4 });
    expect(await read('/stats')).toMatchObject({
      model_stats: [
        { name: 'stable', inference_count: 1, execution_count: 1, inference_stats: { success: { count: 1 } } },
      ],
    });
    const isReady = async (): Promise<boolean> => (await fetch(`${server.url}/v2/models/stable/ready`)).status === 200;
    expect(await isReady()).toBe(true);
    expect((await post(server, '/v2/repository/models/adder/unload')).status).toBe(200);
    expect(await isReady()).toBe(false);
    expect((await ask()).status).toBeGreaterThanOrEqual(400);
    expect((await post(server, '/v2/repository/index')).text).toContain(
      "model 'stable' depends on 'adder' which has no loaded version",
    );
    expect((await post(server, '/v2/repository/models/adder/load')).status).toBe(200);
    expect((await ask()).status).toBe(200);
  });

  it('follows a changed configuration in mode poll', async () => {
    const { server, repository } = await serve(['--model-control-mode=poll', '--repository-poll-secs=1']);
    await placeVersion(repository, 'other', 7);
    await placeAlias(repository, 'stable', 'other');
    const client = httpClient(server.ports);
    onTestFinished(() => client.close());
    let answer: readonly number[] = [];
    for (let i = 0; i < 300 && answer[0] !== 17; i++) {
      answer = await client.ask('stable');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(answer[0]).toBe(17);
  });
});
