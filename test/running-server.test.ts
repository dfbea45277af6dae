import { describe, expect, it } from 'vitest';

import type { Frontend, Listening } from '../src/frontends/frontend.ts';
import { silentLogger } from '../src/logger.ts';
import { StoppableServer } from '../src/running-server.ts';
import { LocalServer } from '../src/server/local-server.ts';
import type { ServerConfig } from '../src/server/server-config.ts';
import { FakeClock } from './fakes/fake-clock.ts';
import { FakeView } from './lifecycle/fake-view.ts';
import { quietControl } from './lifecycle/quiet-control.ts';

const nothingBrought = { config: null, files: new Map<string, Uint8Array>() };

/** A frontend that has accepted `call`, and drains when that is answered. */
function frontendWith(call: Promise<unknown>): Frontend {
  const answered = call.then(
    () => undefined,
    () => undefined,
  );
  const listening: Listening = { address: '', port: 0, drain: () => answered, close: () => undefined };
  return { name: 'http', start: async () => listening };
}

describe('the shutdown', () => {
  it('ends a load that never ends by itself, answers its caller, and is in time', async () => {
    const clock = new FakeClock();
    const view = new FakeView();
    const models = quietControl(view, clock, 1);
    view.put('m', '1', async () => new Promise(() => undefined));
    await models.start();
    const config = { id: 'nereid', version: '0' } as unknown as ServerConfig;
    const server = new LocalServer(config, models);
    const running = new StoppableServer({ exitTimeoutMs: 3000 }, server, models, silentLogger, clock, () => undefined);
    const call = models.load('m', nothingBrought);
    await running.listen([frontendWith(call)]);
    const stopped = running.stop();
    await expect(call).rejects.toMatchObject({ code: 'unavailable', message: 'Server exiting' });
    await expect(stopped).resolves.toBe(true);
    await expect(models.load('m', nothingBrought)).rejects.toThrow('Server exiting');
  });
});
