/** Lines of single requests in the log of the real process, over both protocols, on one thread and on several. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.ts';

const pathOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The lines of the log that tell of one request, oldest first. */
const linesOf = (log: string, requestId: string): Record<string, unknown>[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.requestId === requestId);

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
}

type UnaryCall = (request: object, done: (error: grpc.ServiceError | null) => void) => void;

/** Status of ModelInfer of a model that is not there. */
function inferUnknown(port: number, id: string): Promise<number> {
  const definition = loadSync(pathOf('proto/grpc_service.proto'), { keepCase: true, includeDirs: [pathOf('proto')] });
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    inference: { GRPCInferenceService: grpc.ServiceClientConstructor };
  };
  const client = new loaded.inference.GRPCInferenceService(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return new Promise((resolve) => {
    const calls = client as unknown as Record<string, UnaryCall>;
    calls.ModelInfer({ model_name: 'nobody', id, inputs: [] }, (error) => {
      client.close();
      resolve(error?.code ?? 0);
    });
  });
}

describe.each([1, 2])('with --frontend-threads=%i the log', (threads) => {
  const started = ServerProcess.start(pathOf('model-repository'), [
    `--frontend-threads=${threads}`,
    '--log-requests=all',
    '--log-slow-requests-ms=1000000',
  ]);
  afterAll(async () => (await started).kill());

  it('has a line for an answered request, with caller, model, id, time and bytes', async () => {
    const server = await started;
    const body = JSON.parse(await readFile(pathOf('docs/examples/digit.json'), 'utf8')) as object;
    const answer = await fetch(`${server.url}/v2/models/digits_cnn/infer`, {
      method: 'POST',
      body: JSON.stringify({ ...body, id: 'http-1' }),
    });
    expect(answer.status, await answer.text()).toBe(200);
    await until(() => linesOf(server.log, 'http-1').length > 0);
    expect(linesOf(server.log, 'http-1')).toMatchObject([
      { protocol: 'http', client: '127.0.0.1', model: 'digits_cnn', version: '1', outcome: 'ok' },
    ]);
  });

  it('has a line for a refused one, with the code', async () => {
    const server = await started;
    expect(await inferUnknown(server.ports.grpc, 'grpc-1')).toBe(grpc.status.NOT_FOUND);
    await until(() => linesOf(server.log, 'grpc-1').length > 0);
    expect(linesOf(server.log, 'grpc-1')).toMatchObject([
      { protocol: 'grpc', client: '127.0.0.1', model: 'nobody', outcome: 'not_found' },
    ]);
  });
});
