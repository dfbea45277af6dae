import { describe, expect, it } from 'vitest';

import type { Logger } from '../../src/logger.ts';
import { ProcessLife } from '../../src/server/process-life.ts';

function newLife(): { life: ProcessLife; lines: string[] } {
  const lines: string[] = [];
  const write = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  return { life: new ProcessLife(logger), lines };
}

describe('the life of the process', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('is ended by the first %s while it starts', async (signal) => {
    const { life, lines } = newLife();
    life.receive(signal);
    expect(life.state).toBe('stopping');
    expect(life.stopping.aborted).toBe(true);
    expect(life.beginServing()).toBe(false);
    expect(life.state).toBe('stopping');
    await life.untilStopping();
    expect(lines).toEqual(['asked to stop, the start is ended']);
  });

  it('tells later signals and goes on stopping', async () => {
    const { life, lines } = newLife();
    expect(life.beginServing()).toBe(true);
    const stopping = life.untilStopping();
    life.receive('SIGTERM');
    life.receive('SIGINT');
    await stopping;
    expect(lines).toEqual(['asked to stop', 'already stopping']);
  });

  it('ignores SIGUSR1 with a line', () => {
    const { life, lines } = newLife();
    life.receive('SIGUSR1');
    expect(life.state).toBe('starting');
    expect(lines).toEqual([expect.stringContaining('SIGUSR1 is ignored')]);
  });
});
