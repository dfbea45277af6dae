/** The reason why a server did not start. It needs the addon, because a server watches its event loop with it. */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createListener } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseServeArguments } from '../../src/cli/serve-arguments.ts';
import { createServer } from '../../src/create-server.ts';
import type { LogFields } from '../../src/logger.ts';
import { surroundings } from '../cli/surroundings.ts';
import { FakeEngine } from '../fakes/fake-engine.ts';
import { RecordingLogger } from '../fakes/recording-logger.ts';

/** Asks the server to stop as soon as it says that it stops by itself. */
class StoppingLogger extends RecordingLogger {
  readonly stopping = new AbortController();

  override info(fields: LogFields, message: string): void {
    super.info(fields, message);
    if (message.startsWith('stopping:')) this.stopping.abort();
  }
}

it('is told also when a signal comes while a failed start is undone', async () => {
  const repository = mkdtempSync(join(tmpdir(), 'nereid-test-'));
  onTestFinished(() => rmSync(repository, { recursive: true }));
  const taken = createListener().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const flags = [`--model-repository=${repository}`, `--http-port=${port}`, '--http-address=127.0.0.1'];
  const others = ['--allow-grpc=false', '--allow-metrics=false', '--frontend-threads=1'];
  const config = parseServeArguments([...flags, ...others], surroundings([repository]));
  const logger = new StoppingLogger();
  const { signal } = logger.stopping;
  await expect(createServer(config, { logger, engine: new FakeEngine(), stopping: signal })).rejects.toMatchObject({
    message: `Socket '127.0.0.1:${port}' already in use; choose another port with --http-port`,
  });
  expect(signal.aborted).toBe(true);
});
