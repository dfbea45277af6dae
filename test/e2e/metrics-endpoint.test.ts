/** The metrics endpoint on a real port of its own, without a server behind it. */

import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.ts';
import { MetricsFrontend } from '../../src/observability/metrics-frontend.ts';

const listen = { host: '127.0.0.1', port: 0 };
const start = (render: () => Promise<string>) => new MetricsFrontend(listen, render, silentLogger).start();

describe('the metrics port', () => {
  it('serves scrapes until it is drained, and then ends at once', async () => {
    const listening = await start(async () => 'up 1\n');
    const url = `http://${listening.address}/metrics`;
    const response = await fetch(url);
    expect(await response.text()).toBe('up 1\n');
    await listening.drain();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('answers 500 when the metrics cannot be collected, and goes on', async () => {
    const texts = ['up 1\n'];
    let failures = 1;
    const listening = await start(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('no');
      return texts.shift() ?? '';
    });
    const url = `http://${listening.address}/metrics`;
    expect((await fetch(url)).status).toBe(500);
    expect((await fetch(url)).status).toBe(200);
    listening.close();
  });

  it('finishes a scrape that was accepted before it is drained', async () => {
    let finish: (text: string) => void = () => undefined;
    let accepted: () => void = () => undefined;
    const isAccepted = new Promise<void>((resolve) => {
      accepted = resolve;
    });
    const listening = await start(() => {
      accepted();
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const answer = fetch(`http://${listening.address}/metrics`);
    await isAccepted;
    const drained = listening.drain();
    finish('up 1\n');
    expect(await (await answer).text()).toBe('up 1\n');
    await drained;
  });

  it('names the address when it is in use', async () => {
    const first = await start(async () => '');
    const second = new MetricsFrontend({ ...listen, port: first.port }, async () => '', silentLogger);
    await expect(second.start()).rejects.toThrow(`Socket '127.0.0.1:${first.port}' already in use`);
    first.close();
  });
});
