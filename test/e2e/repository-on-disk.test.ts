import { execFileSync } from 'node:child_process';
import { appendFile, copyFile, mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

import { doublingLoop, endlessLoop } from '../models/costly-models.ts';
import { placeVersion, versionedModel } from '../models/versioned-model.ts';
import { httpClient } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

async function newRepository(): Promise<string> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  return path;
}

async function start(repository: string, flags: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(repository, flags);
  onTestFinished(() => server.kill());
  return server;
}

async function answer(server: ServerProcess, model: string): Promise<number> {
  const client = httpClient(server.ports);
  try {
    return (await client.ask(model))[0] - 10;
  } finally {
    client.close();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition was not met within 30 s');
    await sleep(50);
  }
}

async function index(server: ServerProcess): Promise<string> {
  return (await fetch(`${server.url}/v2/repository/index`, { method: 'POST', body: '{}' })).text();
}

const poll = ['--model-control-mode=poll', '--repository-poll-secs=1'];

describe('a repository on disk', () => {
  it('is waited for while a model is still being copied at start', async () => {
    const repository = await newRepository();
    const bytes = versionedModel(3);
    const file = join(repository, 'm', '1', 'model.onnx');
    await mkdir(join(repository, 'm', '1'), { recursive: true });
    await writeFile(file, bytes.subarray(0, 40));
    const server = await ServerProcess.spawn(repository);
    onTestFinished(() => server.kill());
    // As a copy that goes on: however late the server looks, the file is young.
    for (let i = 0; i < 120 && !server.log.includes('waiting for'); i++) {
      await sleep(500);
      await utimes(file, new Date(), new Date());
    }
    await appendFile(file, bytes.subarray(40));
    await server.waitUntilReady();
    expect(await answer(server, 'm')).toBe(3);
    expect(server.log).toContain('waiting for');
    expect(server.log).not.toMatch(/failed to load|load failed/);
  });

  it('is waited for in poll mode while the file of a version is not there, and the index says so', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'm', 1);
    const server = await start(repository, poll);
    await mkdir(join(repository, 'm', '2'));
    await until(async () => (await index(server)).includes('waiting for 2/model.onnx'));
    expect(await answer(server, 'm')).toBe(1);
    await writeFile(join(repository, 'm', '2', 'model.onnx'), versionedModel(2));
    await until(async () => (await answer(server, 'm')) === 2);
    expect(await index(server)).not.toContain('waiting for');
    expect(server.log).not.toMatch(/failed to load|load failed/);
  });

  it('is seen to change when a file is replaced by one of the same size and time, and not when nothing changes', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'm', 1);
    const file = join(repository, 'm', '1', 'model.onnx');
    await utimes(file, 0, 0);
    const server = await start(repository, poll);
    expect(await answer(server, 'm')).toBe(1);
    const readyLines = (): number => server.log.split('model is ready').length;
    const before = readyLines();
    await sleep(4000);
    expect(readyLines()).toBe(before);
    const { ino } = await stat(file);
    await writeFile(join(repository, '.next'), versionedModel(2));
    await copyFile(join(repository, '.next'), file);
    await utimes(file, 0, 0);
    expect((await stat(file)).ino).toBe(ino);
    expect((await readFile(file)).length).toBe(versionedModel(1).length);
    await until(async () => (await answer(server, 'm')) === 2);
  });

  it('goes on serving when it is emptied, until folders are seen again', async () => {
    const repository = await newRepository();
    const models = join(repository, 'models');
    await placeVersion(models, 'm', 1);
    const server = await start(models, poll);
    await rename(models, join(repository, 'away'));
    await mkdir(models);
    await until(async () => server.log.includes('taken for an accident'));
    await sleep(3000);
    expect(await answer(server, 'm')).toBe(1);
    await placeVersion(models, 'n', 5);
    await until(async () => (await index(server)).includes('"n"'));
    await until(async () => !(await index(server)).includes('"m","version":"1","state":"READY"'));
  });

  it('answers compressed requests and the index while the reads of many loads hang', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'good', 1);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) {
      await placeVersion(repository, name, 1);
      await writeFile(join(repository, name, 'labels.txt'), 'one');
      await writeFile(
        join(repository, name, 'config.pbtxt'),
        'output { name: "OUTPUT" data_type: TYPE_FP32 dims: 4 label_filename: "labels.txt" }',
      );
    }
    const pipe = join(await newRepository(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const preload = new URL('hanging-reads.mjs', import.meta.url).href;
    const flags = ['--model-control-mode=explicit', '--load-model=good', '--model-load-thread-count=6'];
    const server = await ServerProcess.start(repository, flags, {
      NODE_OPTIONS: `--import=${preload}`,
      HANGING_PIPE: pipe,
      UV_THREADPOOL_SIZE: '4',
    });
    onTestFinished(() => server.kill());
    const load = (name: string): Promise<unknown> =>
      fetch(`${server.url}/v2/repository/models/${name}/load`, { method: 'POST' }).catch(() => null);
    for (const name of names) void load(name);
    await until(async () => names.every((name) => server.log.includes(`"model":"${name}","versions":[1],"by":"call"`)));
    await sleep(1000);
    const body = JSON.stringify({ inputs: [{ name: 'INPUT', shape: [1, 4], datatype: 'FP32', data: [0, 0, 0, 0] }] });
    const compressed = await fetch(`${server.url}/v2/models/good/infer`, {
      method: 'POST',
      headers: { 'Content-Encoding': 'gzip', 'Accept-Encoding': 'gzip' },
      body: gzipSync(body),
      signal: AbortSignal.timeout(10_000),
    });
    expect([compressed.status, compressed.headers.get('content-encoding')]).toEqual([200, 'gzip']);
    expect(await compressed.json()).toMatchObject({ model_name: 'good' });
    expect(await index(server)).toContain('"name":"good","version":"1","state":"READY"');
  });

  it('does not hang on files that nobody writes to', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'm', 1);
    await placeVersion(repository, 'good', 1);
    execFileSync('mkfifo', [join(repository, 'm', 'labels.txt')]);
    await writeFile(
      join(repository, 'm', 'config.pbtxt'),
      'output { name: "OUTPUT" data_type: TYPE_FP32 dims: 4 label_filename: "labels.txt" }',
    );
    const lenient = ['--exit-on-error=false', '--strict-readiness=false'];
    const server = await start(repository, lenient);
    expect(await answer(server, 'good')).toBe(1);
    expect(server.log).toContain("label file 'labels.txt' is a FIFO, expected a regular file");
    expect((await server.stop()).code).toBe(0);
  });
});

describe('a model that costs more than zeros are worth', () => {
  it.each<[string, () => Uint8Array]>([
    ['never ends', endlessLoop],
    ['doubles its memory for ever', doublingLoop],
  ])('becomes ready although it %s for them', async (_, bytes) => {
    const repository = await newRepository();
    await mkdir(join(repository, 'm', '1'), { recursive: true });
    await writeFile(join(repository, 'm', '1', 'model.onnx'), bytes());
    const server = await start(repository);
    const body = { inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [3, 3, 3, 3] }] };
    const response = await fetch(`${server.url}/v2/models/m/infer`, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(200);
    expect(server.log).toContain('automatic warm-up stopped early');
  });
});
