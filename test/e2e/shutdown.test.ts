import { describe, expect, it } from 'vitest';

import { placeVersion } from '../models/versioned-model.ts';
import { askUntil, grpcClient, httpClient, type Tally } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

/** What a client may see of an orderly end: no connection could be made, or an idle one was closed under it. */
const isRefusedConnection = (failure: string): boolean =>
  /ECONNREFUSED|ECONNRESET|socket hang up|14 UNAVAILABLE/.test(failure);

describe('SIGTERM', () => {
  it('answers every accepted request at full load and exits with 0', async () => {
    const { path, dispose } = await temporaryFolder();
    await placeVersion(path, 'adder', 1);
    const server = await ServerProcess.start(path);
    const tally: Tally = { answered: 0, versions: new Map(), failures: [] };
    let isOver = false;
    const clients = Array.from({ length: 16 }, (_, i) => (i % 2 ? httpClient(server.ports) : grpcClient(server.ports)));
    const running = clients.map((client) =>
      askUntil(client, 'adder', () => isOver || tally.failures.length > 0, tally),
    );
    while (tally.answered < 500) await new Promise((resolve) => setTimeout(resolve, 10));

    const exit = await server.stop();
    isOver = true;
    await Promise.all(running);
    for (const client of clients) client.close();
    await dispose();

    // Not 1, which says that the time limit cut something off.
    expect(exit).toEqual({ code: 0, signal: null });
    expect(tally.failures.filter((failure) => !isRefusedConnection(failure))).toEqual([]);
  });

  it('is not delayed by idle keep-alive connections', async () => {
    const { path, dispose } = await temporaryFolder();
    await placeVersion(path, 'adder', 1);
    const server = await ServerProcess.start(path);
    const client = httpClient(server.ports);
    await client.ask('adder');

    const startedMs = Date.now();
    const exit = await server.stop();
    client.close();
    await dispose();

    expect(exit).toEqual({ code: 0, signal: null });
    // Half of what the exit may take; an idle connection is kept for longer than that.
    expect(Date.now() - startedMs).toBeLessThan(15_000);
  });
});
