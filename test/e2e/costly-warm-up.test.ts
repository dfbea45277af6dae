/** The memory that the automatic warm-up leaves behind, with the real engine. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { doublingLoop, endlessOperator } from '../models/costly-models.ts';
import { placeVersion } from '../models/versioned-model.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

async function startWith(bytes: Uint8Array | null): Promise<ServerProcess> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  await placeVersion(path, 'plain', 1);
  if (bytes !== null) {
    await mkdir(join(path, 'm', '1'), { recursive: true });
    await writeFile(join(path, 'm', '1', 'model.onnx'), bytes);
  }
  const server = await ServerProcess.start(path, ['--exit-timeout-secs=5', '--log-verbose=1']);
  onTestFinished(() => server.kill());
  return server;
}

async function infer(server: ServerProcess, input: object): Promise<{ status: number; body: unknown }> {
  const body = JSON.stringify({ inputs: [input] });
  const response = await fetch(`${server.url}/v2/models/m/infer`, { method: 'POST', body });
  return { status: response.status, body: await response.json() };
}

async function residentMiB(server: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

describe.runIf(process.platform === 'linux')('a warm-up with zeros', () => {
  it('that doubled its memory until it was ended has given it back, and wrote no error', async () => {
    const plain = await residentMiB(await startWith(null));
    const server = await startWith(doublingLoop());
    expect(server.log).toContain('automatic warm-up stopped early');
    expect((await residentMiB(server)) - plain).toBeLessThan(100);
    expect(server.log).not.toContain('"level":"error"');
    const values = [3, 3, 3, 3];
    expect((await infer(server, { name: 'x', shape: [1, 4], datatype: 'FP32', data: values })).status).toBe(200);
  });

  it('whose operator does not end has its instance replaced: the model serves, and the server stops', async () => {
    const most = 200_000;
    const server = await startWith(endlessOperator(most));
    expect(server.log).toContain('1 instance(s) were replaced');
    const { status, body } = await infer(server, { name: 'x', shape: [1], datatype: 'INT64', data: [most - 2] });
    expect(status).toBe(200);
    expect(body).toMatchObject({ outputs: [{ name: 'y', shape: [2, 3] }] });
    expect((await server.stop()).signal).toBeNull();
  });
});
