/** The metrics endpoint on a real port of its own, without a server behind it. */

import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/logger.ts';
import { MetricsFrontend } from '../../src/observability/metrics-frontend.ts';
import { SliceQueue } from '../../src/frontends/slice-queue.ts';
import { systemClock } from '../../src/time.ts';

const listen = { host: '127.0.0.1', port: 0 };
const start = (pieces: () => Iterator<string>, stallTimeoutMs?: number) =>
  new MetricsFrontend(listen, pieces, new SliceQueue(systemClock), silentLogger, stallTimeoutMs).start();
const page = (...pieces: string[]) => pieces[Symbol.iterator]();

/** More than the socket buffers of both ends hold. */
function* longPage(onPiece: () => void, onEnd: () => void): Generator<string, void, void> {
  try {
    for (let i = 0; i < 1_000; i += 1) {
      onPiece();
      yield `${'x'.repeat(32 * 1024)} ${i}\n`;
    }
  } finally {
    onEnd();
  }
}

describe('the metrics port', () => {
  it('serves scrapes until it is drained, and then ends at once', async () => {
    const listening = await start(() => page('up 1\n', 'größe 2\n'));
    const url = `http://${listening.address}/metrics`;
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8; version=0.0.4');
    expect(await response.text()).toBe('up 1\ngröße 2\n');
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    await listening.drain();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('answers 500 when the metrics cannot be collected, and goes on', async () => {
    let failures = 1;
    const listening = await start(() => {
      failures -= 1;
      if (failures >= 0) throw new Error('no');
      return page('up 1\n');
    });
    const url = `http://${listening.address}/metrics`;
    expect((await fetch(url)).status).toBe(500);
    expect((await fetch(url)).status).toBe(200);
    listening.close();
  });

  it('leaves a page without its end when a later piece cannot be made', async () => {
    const listening = await start(function* () {
      yield 'up 1\n';
      throw new Error('no');
    });
    const response = await fetch(`http://${listening.address}/metrics`);
    await expect(response.text()).rejects.toThrow();
    listening.close();
  });

  it('finishes a scrape that was accepted before it is drained, and closes its connection', async () => {
    let drained: Promise<void> | null = null;
    const listening = await start(function* () {
      yield 'up 1\n';
      drained = listening.drain();
      yield 'up 2\n';
    });
    const answer = await fetch(`http://${listening.address}/metrics`);
    expect(await answer.text()).toBe('up 1\nup 2\n');
    await drained;
  });

  it('makes no more of a page than a slow scraper takes, and disconnects one that takes nothing', async () => {
    let made = 0;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const onPiece = () => {
      made += 1;
    };
    const listening = await start(() => longPage(onPiece, end), 300);
    const socket = connect(listening.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await ended;
    socket.destroy();
    expect(made).toBeLessThan(900);
    listening.close();
  });

  it('names the address when it is in use', async () => {
    const first = await start(() => page(''));
    const second = new MetricsFrontend(
      { ...listen, port: first.port },
      () => page(''),
      new SliceQueue(systemClock),
      silentLogger,
    );
    await expect(second.start()).rejects.toThrow(`Socket '127.0.0.1:${first.port}' already in use`);
    first.close();
  });
});
