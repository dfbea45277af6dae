/** Signals at every time of the server's life cycle, and shutdowns that nothing may delay. */

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { loopModel } from '../engine/loop-model.ts';
import { placeVersion } from '../models/versioned-model.ts';
import { frontendThreads } from './frontend-thread-counts.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

async function newRepository(): Promise<string> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  return path;
}

async function spawned(repository: string, flags: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.spawn(repository, flags);
  onTestFinished(() => server.kill());
  return server;
}

/** A model whose warm-up sample runs for longer than anybody waits. */
async function placeEndless(repository: string): Promise<void> {
  const folder = join(repository, 'endless');
  await mkdir(join(folder, '1'), { recursive: true });
  await mkdir(join(folder, 'warmup'));
  await writeFile(join(folder, '1', 'model.onnx'), loopModel());
  await writeFile(join(folder, 'warmup', 'many'), new Uint8Array(new BigInt64Array([1n << 60n]).buffer));
  await writeFile(
    join(folder, 'config.pbtxt'),
    `input [ { name: "n" data_type: TYPE_INT64 dims: [ 1 ] },
             { name: "x" data_type: TYPE_FP32 dims: [ 1 ] } ]
     output [ { name: "y" data_type: TYPE_FP32 dims: [ 1 ] } ]
     model_warmup [ { name: "long" batch_size: 1
       inputs { key: "n" value { data_type: TYPE_INT64 dims: [ 1 ] input_data_file: "many" } }
       inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } } ]`,
  );
}

async function untilLogged(server: ServerProcess, text: string): Promise<void> {
  for (let i = 0; i < 2400 && !server.log.includes(text); i++) await sleep(50);
  expect(server.log).toContain(text);
}

/** Over a connection of its own, so that the kernel may give it to any of the threads; 0 where none could be made. */
const liveStatus = (server: ServerProcess): Promise<number> =>
  fetch(`${server.url}/v2/health/live`, { headers: { Connection: 'close' } }).then(
    ({ status }) => status,
    () => 0,
  );

describe('a signal while the server starts', () => {
  it.each([
    ['SIGTERM', 1],
    ['SIGINT', 1],
    ['SIGTERM', 2],
    ['SIGINT', 4],
  ] as const)('ends a start whose warm-up never ends (%s, %d frontend threads)', async (signal, threads) => {
    const repository = await newRepository();
    await placeEndless(repository);
    const server = await spawned(repository, ['--exit-timeout-secs=20', frontendThreads(threads)]);
    await untilLogged(server, 'http is listening');
    await sleep(1000);
    expect(await liveStatus(server)).toBe(200);
    process.kill(server.pid, signal);
    // A request may be read before the signal is. From this line on none is, whichever thread has its connection.
    await untilLogged(server, 'asked to stop, the start is ended');
    expect(await liveStatus(server)).not.toBe(200);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.log).not.toContain('Exit timeout expired');
  });

  it.each([1, 2, 4])(
    'ends it at any time, without a complaint, with %d frontend threads',
    { timeout: 300_000 },
    async (threads) => {
      const repository = await newRepository();
      await placeVersion(repository, 'adder', 1);
      const moments = [
        ['starting with these settings', 0],
        ['ONNX Runtime is loaded', 0],
        // While threads are made and listen.
        ...[30, 120].map((afterMs) => ['ONNX Runtime is loaded', afterMs] as const),
        ['http is listening', 0],
        ['"msg":"loading"', 0],
      ] as const;
      for (const [i, [line, afterMs]] of moments.entries()) {
        const server = await spawned(repository, [frontendThreads(threads), '--exit-timeout-secs=60']);
        await untilLogged(server, line);
        await sleep(afterMs);
        process.kill(server.pid, i % 2 === 0 ? 'SIGTERM' : 'SIGINT');
        // The second one changes nothing.
        process.kill(server.pid, 'SIGTERM');
        expect(await server.exited, line).toEqual({ code: 0, signal: null });
        expect(server.log).toContain('"stopped"');
        // On a busy machine an event loop may be held up.
        const lines = server.log.split('\n').filter((each) => !each.includes('the event loop of the'));
        expect(lines.join('\n'), line).not.toMatch(/"level":"(warn|error)"/);
      }
    },
  );
});

describe('the end of the process', () => {
  it('writes the coverage that Node was asked for', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'adder', 1);
    const { path, dispose } = await temporaryFolder();
    onTestFinished(dispose);
    const server = await ServerProcess.start(repository, [], { NODE_V8_COVERAGE: path });
    onTestFinished(() => server.kill());
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await readdir(path)).toContainEqual(expect.stringMatching(/^coverage-.*\.json$/));
  });

  it('is an orderly one for the hang-up of a terminal', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'adder', 1);
    const server = await ServerProcess.start(repository);
    onTestFinished(() => server.kill());
    process.kill(server.pid, 'SIGUSR1');
    await untilLogged(server, 'SIGUSR1 is ignored');
    expect(server.log).not.toContain('Debugger listening');
    process.kill(server.pid, 'SIGHUP');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.log).toContain('"stopped"');
  });
});

describe('loads of the real server', () => {
  const load = (server: ServerProcess, model: string, body: object = {}): Promise<Response> =>
    fetch(`${server.url}/v2/repository/models/${model}/load`, { method: 'POST', body: JSON.stringify(body) });
  const unload = (server: ServerProcess, model: string): Promise<Response> =>
    fetch(`${server.url}/v2/repository/models/${model}/unload`, { method: 'POST', body: '{}' });

  it('are ended by an unload, also while a warm-up never ends', async () => {
    const repository = await newRepository();
    await placeEndless(repository);
    const server = await ServerProcess.start(repository, ['--model-control-mode=explicit']);
    onTestFinished(() => server.kill());
    const loading = load(server, 'endless');
    await untilLogged(server, '"msg":"loading"');
    expect((await unload(server, 'endless')).status).toBe(200);
    const ended = await loading;
    expect(ended.status).toBe(400);
    expect(await ended.text()).toContain('was unloaded meanwhile');
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([1, 4])('are ended and answered when the server stops (%d frontend threads)', async (threads) => {
    const repository = await newRepository();
    await placeEndless(repository);
    const flags = ['--model-control-mode=explicit', '--exit-timeout-secs=60', frontendThreads(threads)];
    const server = await ServerProcess.start(repository, flags);
    onTestFinished(() => server.kill());
    const loading = load(server, 'endless');
    await untilLogged(server, '"msg":"loading"');
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    const ended = await loading;
    expect(ended.status).toBe(503);
    expect(await ended.json()).toEqual({ error: 'Server exiting' });
    expect(server.log).not.toContain('Exit timeout expired');
  });

  it('are reachable when they succeed, whatever is asked about the model meanwhile', async () => {
    const repository = await newRepository();
    await placeVersion(repository, 'adder', 1);
    const server = await ServerProcess.start(repository, ['--model-control-mode=explicit']);
    onTestFinished(() => server.kill());
    for (let round = 0; round < 10; round++) {
      const broken = { parameters: { config: '{}', 'file:1/model.onnx': Buffer.from('no model').toString('base64') } };
      const loads = [load(server, 'adder', broken), load(server, 'adder')];
      const asked = Array.from({ length: 5 }, () =>
        fetch(`${server.url}/v2/repository/index`, { method: 'POST', body: '{}' }),
      );
      const [, good] = await Promise.all([...loads, ...asked]);
      // Which of the two the server hears first is not ours to say; the one that succeeded counts.
      if (good?.status === 200) {
        expect((await fetch(`${server.url}/v2/models/adder/ready`)).status).toBe(200);
      }
      expect((await load(server, 'adder')).status).toBe(200);
      expect((await fetch(`${server.url}/v2/models/adder/ready`)).status).toBe(200);
      expect((await unload(server, 'adder')).status).toBe(200);
    }
    expect(server.log).toContain('"msg":"model is unloaded"');
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });
});
