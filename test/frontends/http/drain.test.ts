/** The drain: every request that was sent gets an answer. */

import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { type HttpFixture, sendOnce, startHttp, tensor } from '../../fakes/http-client.ts';

let http: HttpFixture;
afterEach(() => http.listening.close());

describe('draining the HTTP frontend', () => {
  it('answers every request of clients that send without pause over kept connections', async () => {
    http = await startHttp();
    const body = JSON.stringify(tensor('INT32', [1]));
    let answered = 0;
    const lost: unknown[] = [];
    let ended = 0;
    const client = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        try {
          const answer = await sendOnce(http.listening.port, agent, 'POST', '/v2/models/echo/infer', body);
          expect(answer.status).toBe(200);
          answered++;
          if (answer.headers.connection === 'close') break;
        } catch (error) {
          lost.push(error);
          break;
        }
      }
      ended++;
      agent.destroy();
    };
    const clients = Array.from({ length: 8 }, client);
    while (answered < 100) await new Promise(setImmediate);
    await http.listening.drain();
    await Promise.all(clients);
    expect(lost).toEqual([]);
    expect(ended).toBe(8);
  });

  it('does not wait longer than its grace for an idle connection', async () => {
    http = await startHttp();
    const idle = connect(http.listening.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const startedAt = performance.now();
    const ended = new Promise((resolve) => idle.once('close', resolve));
    await http.listening.drain();
    await ended;
    // The grace is half a second; without it an idle connection is kept for more than a minute.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('ends at once when nobody is connected and takes no connection afterwards', async () => {
    // No grace passes on this clock.
    http = await startHttp({ clock: new FakeClock() });
    await http.listening.drain();
    await expect(http.send('GET', '/v2/health/live')).rejects.toThrow('ECONNREFUSED');
  });

  it('waits for an answer that takes longer than the grace', async () => {
    http = await startHttp();
    const { server } = http;
    let finish = (): void => undefined;
    server.answer = (request) =>
      new Promise((resolve) => {
        finish = () => resolve(server.respond(request, []));
      });
    const answer = http.infer(tensor('INT32', [1]));
    while (server.seen.length === 0) await new Promise(setImmediate);
    const drained = http.listening.drain();
    setTimeout(() => finish(), 700);
    const { status, headers } = await answer;
    await drained;
    expect(status).toBe(200);
    expect(headers.connection).toBe('close');
    expect(server.unreleased).toBe(0);
  });

  it('names the address when its port is taken', async () => {
    http = await startHttp();
    await expect(startHttp({ port: http.listening.port })).rejects.toThrow(
      `Socket '127.0.0.1:${http.listening.port}' already in use`,
    );
  });
});
