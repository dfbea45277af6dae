import { describe, expect, it, onTestFinished } from 'vitest';

import { placeVersion } from '../models/versioned-model.ts';
import { askUntil, grpcClient, httpClient, type InferClient, type Tally } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const clientsPerProtocol = 8;
const reloads = 10;

async function repositoryWithVersion1(): Promise<string> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  await placeVersion(path, 'adder', 1);
  return path;
}

async function startServer(repository: string, flags: readonly string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(repository, flags);
  onTestFinished(async () => void (await server.stop()));
  return server;
}

function startClients(server: ServerProcess): { tally: Tally; stop: () => Promise<void> } {
  const tally: Tally = { answered: 0, versions: new Map(), failures: [] };
  let isOver = false;
  const clients: InferClient[] = [];
  for (let i = 0; i < clientsPerProtocol; i++) clients.push(httpClient(server.ports), grpcClient(server.ports));
  const running = clients.map((client) => askUntil(client, 'adder', () => isOver, tally));
  const stop = async (): Promise<void> => {
    isOver = true;
    await Promise.all(running);
    for (const client of clients) client.close();
  };
  return { tally, stop };
}

/** Several answers, so that the next reload meets clients that are in full swing. */
async function untilVersion(tally: Tally, version: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while ((tally.versions.get(version) ?? 0) < clientsPerProtocol) {
    if (Date.now() > deadline)
      throw new Error(`version ${version} does not answer; failures: ${tally.failures.slice(0, 3)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function expectCleanReloads(tally: Tally): void {
  expect(tally.failures).toEqual([]);
  expect([...tally.versions.keys()].sort((a, b) => a - b)).toEqual(
    Array.from({ length: reloads + 1 }, (_, i) => i + 1),
  );
}

describe('reload while 16 clients send without pause', () => {
  it('loses no request when new versions are found by polling', async () => {
    const repository = await repositoryWithVersion1();
    const server = await startServer(repository, ['--model-control-mode=poll', '--repository-poll-secs=1']);
    const { tally, stop } = startClients(server);
    for (let version = 2; version <= reloads + 1; version++) {
      await placeVersion(repository, 'adder', version);
      await untilVersion(tally, version);
    }
    await stop();
    expectCleanReloads(tally);
  });

  it('loses no request when new versions are loaded by call', async () => {
    const repository = await repositoryWithVersion1();
    const server = await startServer(repository, ['--model-control-mode=explicit', '--load-model=adder']);
    const { tally, stop } = startClients(server);
    for (let version = 2; version <= reloads + 1; version++) {
      await placeVersion(repository, 'adder', version);
      const answer = await fetch(`${server.url}/v2/repository/models/adder/load`, { method: 'POST' });
      expect(answer.status).toBe(200);
      await untilVersion(tally, version);
    }
    await stop();
    expectCleanReloads(tally);
  });
});
