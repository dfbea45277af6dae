import { describe, expect, it } from 'vitest';

import type { Logger } from '../../src/logger.ts';
import { ProcessLifecycle } from '../../src/server/process-lifecycle.ts';

function newLife(): { lifecycle: ProcessLifecycle; lines: string[] } {
  const lines: string[] = [];
  const write = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  return { lifecycle: new ProcessLifecycle(logger), lines };
}

describe('the life cycle of the process', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('is ended by the first %s while it starts', async (signal) => {
    const { lifecycle, lines } = newLife();
    lifecycle.receive(signal);
    expect(lifecycle.state).toBe('stopping');
    expect(lifecycle.stopping.aborted).toBe(true);
    expect(lifecycle.beginServing()).toBe(false);
    expect(lifecycle.state).toBe('stopping');
    await lifecycle.untilStopping();
    expect(lines).toEqual(['asked to stop, the start is ended']);
  });

  it('tells later signals and goes on stopping', async () => {
    const { lifecycle, lines } = newLife();
    expect(lifecycle.beginServing()).toBe(true);
    const stopping = lifecycle.untilStopping();
    lifecycle.receive('SIGTERM');
    lifecycle.receive('SIGINT');
    await stopping;
    expect(lines).toEqual(['asked to stop', 'already stopping']);
  });

  it.each(['SIGUSR1', 'SIGUSR2'] as const)('ignores %s with a line', (signal) => {
    const { lifecycle, lines } = newLife();
    lifecycle.receive(signal);
    expect(lifecycle.state).toBe('starting');
    expect(lines).toEqual([expect.stringContaining(`${signal} is ignored`)]);
  });
});
