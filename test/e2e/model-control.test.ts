import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { placeVersion, versionedModel } from '../models/versioned-model.ts';
import { httpClient } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

interface Running {
  readonly repository: string;
  readonly server: ServerProcess;
}

async function start(flags: readonly string[], prepare: (repository: string) => Promise<void>): Promise<Running> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  await prepare(path);
  const server = await ServerProcess.start(path, flags);
  onTestFinished(async () => void (await server.stop()));
  return { repository: path, server };
}

const explicit = ['--model-control-mode=explicit'];
const poll = ['--model-control-mode=poll', '--repository-poll-secs=1'];

async function post(server: ServerProcess, path: string, body: object = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}/v2/repository/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

interface Entry {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
  readonly reason?: string;
}

const index = async (server: ServerProcess): Promise<Entry[]> => JSON.parse((await post(server, 'index')).text);

async function answer(server: ServerProcess, model: string): Promise<number> {
  const client = httpClient(server.ports);
  try {
    return (await client.ask(model))[0] - 10;
  } finally {
    client.close();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition was not met within 20 s');
    await sleep(50);
  }
}

describe('explicit control', () => {
  it('starts with nothing loaded, loads, unloads, and tells each state in the index', async () => {
    const { server } = await start(explicit, (repository) => placeVersion(repository, 'adder', 1));
    expect(await index(server)).toEqual([{ name: 'adder' }]);
    expect((await post(server, 'models/adder/load')).status).toBe(200);
    expect(await index(server)).toMatchObject([{ name: 'adder', version: '1', state: 'READY' }]);
    expect(await answer(server, 'adder')).toBe(1);
    expect((await post(server, 'models/adder/unload')).status).toBe(200);
    await until(async () => (await index(server))[0]?.state === 'UNAVAILABLE');
    expect(await index(server)).toMatchObject([
      { name: 'adder', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' },
    ]);
    const gone = await fetch(`${server.url}/v2/models/adder/infer`, { method: 'POST', body: '{"inputs":[]}' });
    expect(gone.status).toBe(404);
  });

  it('tells why a load failed, in the answer and in the index, and keeps the old version serving', async () => {
    const { server, repository } = await start(explicit, (path) => placeVersion(path, 'adder', 1));
    await post(server, 'models/adder/load');
    await mkdir(join(repository, 'adder', '2'));
    await writeFile(join(repository, 'adder', '2', 'model.onnx'), 'no model at all');
    const { status, text } = await post(server, 'models/adder/load');
    expect(status).toBe(400);
    expect(JSON.parse(text).error).toMatch(
      /^load failed for model 'adder': version 2 is at UNAVAILABLE state: Invalid argument: /,
    );
    const entries = await index(server);
    expect(entries.find(({ version }) => version === '1')).toMatchObject({ state: 'READY' });
    expect(entries.find(({ version }) => version === '2')?.reason).toMatch(/^Invalid argument: /);
    expect(await answer(server, 'adder')).toBe(1);
  });

  it('loads with a configuration and files from the call, and returns to the repository with a plain load', async () => {
    const { server } = await start(explicit, (path) => placeVersion(path, 'adder', 1));
    await post(server, 'models/adder/load');
    const files = { 'file:7/model.onnx': Buffer.from(versionedModel(7)).toString('base64') };
    const config = JSON.stringify({ backend: 'onnxruntime', max_batch_size: 16 });
    expect(await post(server, 'models/adder/load', { parameters: { config, ...files } })).toEqual({
      status: 200,
      text: '',
    });
    expect(await answer(server, 'adder')).toBe(7);
    const inForce = await (await fetch(`${server.url}/v2/models/adder/config`)).json();
    expect(inForce).toMatchObject({ max_batch_size: 16 });
    expect((await post(server, 'models/adder/load')).status).toBe(200);
    expect(await answer(server, 'adder')).toBe(1);
  });

  it('refuses files that leave the folder and files without a configuration', async () => {
    const { server } = await start(explicit, (path) => placeVersion(path, 'adder', 1));
    const config = '{}';
    const escaping = await post(server, 'models/adder/load', { parameters: { config, 'file:../../evil': 'AAAA' } });
    expect(escaping.status).toBe(400);
    expect(escaping.text).toContain('must stay within model directory');
    const bare = await post(server, 'models/adder/load', { parameters: { 'file:1/model.onnx': 'AAAA' } });
    expect(bare.status).toBe(400);
    expect(bare.text).toContain("Load parameter 'config' must be specified for model file override");
  });

  it('changes the number of instances without a new life of the version', async () => {
    const { server, repository } = await start([...explicit, '--load-model=adder'], async (path) => {
      await placeVersion(path, 'adder', 1);
      await writeFile(join(path, 'adder', 'config.pbtxt'), 'instance_group [ { count: 1 kind: KIND_CPU } ]\n');
    });
    await answer(server, 'adder');
    await writeFile(join(repository, 'adder', 'config.pbtxt'), 'instance_group [ { count: 3 kind: KIND_CPU } ]\n');
    expect(await post(server, 'models/adder/load')).toEqual({ status: 200, text: '' });
    const config = await (await fetch(`${server.url}/v2/models/adder/config`)).json();
    expect(config).toMatchObject({ instance_group: [{ count: 3 }] });
    const statistics = await (await fetch(`${server.url}/v2/models/adder/stats`)).json();
    expect(statistics).toMatchObject({ model_stats: [{ inference_count: 1 }] }); // a new life would have started from zero
    expect(await answer(server, 'adder')).toBe(1);
  });

  it.each(['..', '.', 'a/b', ''])('refuses to load a model named %j', async (name) => {
    const { server } = await start(explicit, (path) => placeVersion(path, 'adder', 1));
    const { status } = await post(server, `models/${encodeURIComponent(name)}/load`);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });
});

describe('poll control', () => {
  it('refuses load and unload calls and says which flag to set', async () => {
    const { server } = await start(poll, (path) => placeVersion(path, 'adder', 1));
    const { status, text } = await post(server, 'models/adder/load');
    expect(status).toBe(503);
    expect(text).toContain('explicit model load / unload is not allowed if polling is enabled');
    expect(text).toContain('--model-control-mode=explicit');
  });

  it('finds models that appear, change and disappear, whatever is wrong with another one', async () => {
    const lenient = [...poll, '--exit-on-error=false', '--strict-readiness=false'];
    const { server, repository } = await start(lenient, async (path) => {
      await placeVersion(path, 'adder', 1);
      await mkdir(join(path, 'broken', '1'), { recursive: true });
      await writeFile(join(path, 'broken', '1', 'model.onnx'), 'no model at all');
    });
    await placeVersion(repository, 'second', 5);
    await until(async () => (await index(server)).some(({ name, state }) => name === 'second' && state === 'READY'));
    expect(await answer(server, 'second')).toBe(5);
    await rm(join(repository, 'second'), { recursive: true });
    await until(async () => !(await index(server)).some(({ name, state }) => name === 'second' && state === 'READY'));
    expect((await index(server)).find(({ name }) => name === 'broken')).toMatchObject({ state: 'UNAVAILABLE' });
    expect(await answer(server, 'adder')).toBe(1);
  });

  it('leaves a version alone that is still being copied', async () => {
    const { server, repository } = await start(poll, (path) => placeVersion(path, 'adder', 1));
    const bytes = versionedModel(2);
    const target = join(repository, 'adder', '2');
    await mkdir(target);
    await writeFile(join(target, 'model.onnx'), bytes.subarray(0, 10));
    for (let at = 10; at < bytes.length; at += 10) {
      await sleep(150);
      await appendFile(join(target, 'model.onnx'), bytes.subarray(at, at + 10));
      expect(await answer(server, 'adder')).toBe(1);
    }
    expect((await readFile(join(target, 'model.onnx'))).length).toBe(bytes.length);
    await until(async () => (await answer(server, 'adder')) === 2);
    expect(server.log).not.toMatch(/load failed|failed to load/);
  });
});
