/** The server with its frontends in two threads, as a process. */

import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loopModel } from '../engine/loop-model.ts';
import { placeVersion } from '../models/versioned-model.ts';
import { askUntil, grpcClient, httpClient, type InferClient, type Tally } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

/** A repository with `adder`, which batches; the test may add to it. */
async function repositoryWithAdder(): Promise<string> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  await placeVersion(path, 'adder', 1);
  return path;
}

async function startServer(repository: string, flags: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(repository, ['--frontend-threads=2', ...flags]);
  onTestFinished(async () => void (await server.stop()));
  expect(server.log).toContain('the frontends have threads of their own');
  return server;
}

/** Half of them over HTTP, each with a connection of its own. */
function clientsOf(server: ServerProcess, count: number): InferClient[] {
  const clients = Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? httpClient(server.ports) : grpcClient(server.ports),
  );
  for (const client of clients) onTestFinished(() => client.close());
  return clients;
}

interface Statistics {
  readonly inference_count: number;
  readonly execution_count: number;
}

async function statisticsOf(server: ServerProcess, model: string): Promise<Statistics> {
  const answer = await fetch(`${server.url}/v2/models/${model}/stats`);
  return ((await answer.json()) as { model_stats: Statistics[] }).model_stats[0];
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`did not happen: ${what}`);
    await sleep(10);
  }
}

/** Whether a connection was refused, or closed in good order while nothing was asked on it. */
const isRefusedConnection = (failure: string): boolean =>
  /ECONNREFUSED|ECONNRESET|socket hang up|14 UNAVAILABLE/.test(failure);

describe('two frontend threads', () => {
  it('give every caller the answer to its own request, in batches across threads', async () => {
    const repository = await repositoryWithAdder();
    // With a delay there are batches however slowly the requests come.
    const delayed = 'dynamic_batching { max_queue_delay_microseconds: 5000 }\n';
    await writeFile(join(repository, 'adder', 'config.pbtxt'), `max_batch_size: 8\n${delayed}`);
    const server = await startServer(repository);
    const clients = clientsOf(server, 32);
    const rounds = 60;
    const wrong: string[] = [];
    await Promise.all(
      clients.map(async (client, c) => {
        for (let round = 0; round < rounds; round++) {
          const values = [c, round, c * 1000 + round, -c];
          const answer = await client.ask('adder', values);
          if (answer.some((value, i) => value !== values[i] + 1)) wrong.push(`${values} → ${answer}`);
        }
      }),
    );
    expect(wrong).toEqual([]);
    const { inference_count, execution_count } = await statisticsOf(server, 'adder');
    expect(inference_count).toBe(clients.length * rounds);
    expect(execution_count).toBeLessThan(inference_count);
  });

  it('carry large tensors both ways', async () => {
    const repository = await repositoryWithAdder();
    await placeVersion(repository, 'large', 1);
    await writeFile(join(repository, 'large', 'config.pbtxt'), 'max_batch_size: 0\n');
    const server = await startServer(repository);
    const clients = clientsOf(server, 4);
    await Promise.all(
      clients.map(async (client, c) => {
        for (let round = 0; round < 5; round++) {
          const values = Array.from({ length: 150_000 }, (_, i) => (i % 1000) + c * 10_000 + round * 1000);
          const answer = await client.ask('large', values);
          expect(answer.length).toBe(values.length);
          expect(answer.findIndex((value, i) => value !== values[i] + 1)).toBe(-1);
        }
      }),
    );
  });

  it('tell callers what is wrong with a request', async () => {
    const repository = await repositoryWithAdder();
    await placeVersion(repository, 'few', 1);
    await writeFile(join(repository, 'few', 'config.pbtxt'), 'max_batch_size: 4\n');
    const server = await startServer(repository);
    const [http, grpc] = clientsOf(server, 2);
    const fiveRows = Array.from({ length: 20 }, () => 1);
    await expect(http.ask('nobody')).rejects.toThrow("unknown model: 'nobody'");
    await expect(grpc.ask('nobody')).rejects.toMatchObject({ code: 5 });
    await expect(http.ask('few', fiveRows)).rejects.toThrow('HTTP 400');
    await expect(grpc.ask('few', fiveRows)).rejects.toMatchObject({ code: 3 });
    const noJson = await fetch(`${server.url}/v2/models/adder/infer`, { method: 'POST', body: '{' });
    expect(noJson.status).toBe(400);
    expect(await http.ask('adder', [1, 2, 3, 4])).toEqual([2, 3, 4, 5]);
    expect(await grpc.ask('adder', [1, 2, 3, 4])).toEqual([2, 3, 4, 5]);
  });

  it('answer every accepted request at full load on SIGTERM, and the process exits with 0', async () => {
    const server = await startServer(await repositoryWithAdder());
    const tally: Tally = { answered: 0, versions: new Map(), failures: [] };
    let isOver = false;
    const running = clientsOf(server, 16).map((client) =>
      askUntil(client, 'adder', () => isOver || tally.failures.length > 0, tally),
    );
    await until('500 requests are answered', () => tally.answered >= 500);
    const exit = await server.stop();
    isOver = true;
    await Promise.all(running);
    expect(exit).toEqual({ code: 0, signal: null });
    expect(tally.failures.filter((failure) => !isRefusedConnection(failure))).toEqual([]);
  });

  it('lose no request when new versions are loaded under load', async () => {
    const repository = await repositoryWithAdder();
    const server = await startServer(repository, ['--model-control-mode=explicit', '--load-model=adder']);
    const tally: Tally = { answered: 0, versions: new Map(), failures: [] };
    let isOver = false;
    const running = clientsOf(server, 16).map((client) => askUntil(client, 'adder', () => isOver, tally));
    for (let version = 2; version <= 6; version++) {
      await placeVersion(repository, 'adder', version);
      const answer = await fetch(`${server.url}/v2/repository/models/adder/load`, { method: 'POST' });
      expect(answer.status).toBe(200);
      await until(`version ${version} answers`, () => tally.versions.has(version));
    }
    isOver = true;
    await Promise.all(running);
    expect(tally.failures).toEqual([]);
    expect([...tally.versions.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('callers that leave', () => {
  /** More than anybody waits for. */
  const endlessTurns = 2 ** 52;

  /** One request of that many turns, on a connection of its own that the caller may cut. */
  function askLoop(server: ServerProcess, turns: number) {
    const agent = new Agent();
    const inputs = [
      { name: 'n', datatype: 'INT64', shape: [1], data: [turns] },
      { name: 'x', datatype: 'FP32', shape: [1], data: [1] },
    ];
    const path = '/v2/models/loop/infer';
    const call = request({ host: '127.0.0.1', port: server.ports.http, agent, method: 'POST', path });
    const status = new Promise<number>((resolve) => {
      call.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on('error', () => resolve(0));
    });
    call.end(JSON.stringify({ inputs }));
    return { status, leave: () => call.destroy() };
  }

  async function metric(server: ServerProcess, name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes('model="loop"'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  it('take their waiting requests with them', async () => {
    const repository = await repositoryWithAdder();
    await mkdir(join(repository, 'loop', '1'), { recursive: true });
    await writeFile(join(repository, 'loop', '1', 'model.onnx'), loopModel());
    await writeFile(
      join(repository, 'loop', 'config.pbtxt'),
      'max_batch_size: 0\ninstance_group [{ count: 1 kind: KIND_CPU }]\n',
    );
    const server = await startServer(repository);
    const pending = () => metric(server, 'nv_inference_pending_request_count');
    const canceled = () => metric(server, 'nv_inference_request_failure{model="loop",reason="CANCELED"');

    const holder = askLoop(server, endlessTurns);
    await until('the instance is busy', async () => (await metric(server, 'nereid_executing_request_count')) === 1);
    const staying = askLoop(server, 1);
    await until('a request waits', async () => (await pending()) >= 1);
    const waiting = Array.from({ length: 8 }, () => askLoop(server, 1));
    await until('all of them wait', async () => (await pending()) === 9);
    for (const { leave } of waiting) leave();
    await until('all of them are cancelled', async () => (await canceled()) === 8);
    expect(await Promise.all(waiting.map(({ status }) => status))).toEqual(new Array(8).fill(0));
    holder.leave();
    expect(await holder.status).toBe(0);
    expect(await staying.status).toBe(200);
  });
});
