/** Frontends in threads of their own, over the addon's sockets and doorbells. The threads run the built server. */

import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { grpcClient } from '../../e2e/load-clients.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { type Answer, json } from '../../fakes/http-client.ts';
import {
  allThreadsEnded,
  freePort,
  isFree,
  liveThreads,
  native,
  openSockets,
  Stage,
  type StageOptions,
  until,
} from './frontend-pool-stage.ts';
import { deferred } from '../link/link-fixture.ts';

const stages: Stage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

function staged(options: StageOptions = {}): Stage {
  const stage = new Stage(options);
  stages.push(stage);
  return stage;
}

async function started(options: StageOptions = {}): Promise<Stage> {
  const stage = staged(options);
  await stage.start();
  return stage;
}

const numberOf = (answer: Answer): number => json(answer).outputs[0].data[0];

const threadsOf = (stage: Stage): Set<number> => new Set(stage.accepted.map(({ thread }) => thread));

/** From now on requests wait; `give` answers all of them as the echo does, and those that come later. */
function holdAnswers({ server }: Stage): { give(): void } {
  const gate = deferred<void>();
  server.answer = async (request): Promise<InferenceResponse> => {
    await gate.promise;
    return server.respond(
      request,
      request.inputs.map((tensor) => output(tensor)),
    );
  };
  return { give: () => gate.resolve() };
}

describe.runIf(native.sharesPorts)('frontends in threads', () => {
  it('answer HTTP on one port from several threads, each connection with its own answers', async () => {
    const stage = await started();
    const answers = await Promise.all(Array.from({ length: 90 }, (_, i) => stage.ask(i)));
    expect(answers.map(numberOf)).toEqual(Array.from({ length: 90 }, (_, i) => i));
    await until('all connections are told of', () => stage.accepted.length >= 90);
    expect(threadsOf(stage).size).toBeGreaterThan(1);
    expect(stage.server.unreleased).toBe(0);
  });

  it('share a few connections that live long evenly, and serve those that were handed over', async () => {
    const before = openSockets();
    const stage = await started({ threadCount: 3, grpcPort: null });
    const agents = Array.from({ length: 12 }, () => new Agent({ keepAlive: true }));
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(agents.map((agent, i) => stage.ask(i, agent)));
      expect(answers.map(numberOf)).toEqual(agents.map((_, i) => i));
    }
    await until('they are spread', async () => (await stage.connectionCounts()).join() === '4,4,4');
    for (const agent of agents) agent.destroy();
    await until('none is left', async () => (await stage.connectionCounts()).join() === '0,0,0');
    await stage.listening('http').drain();
    stage.listening('http').close();
    await allThreadsEnded();
    await until('no socket is left', () => openSockets() === before);
  });

  it('answer gRPC on one port from several threads', async () => {
    const stage = await started();
    const clients = Array.from({ length: 24 }, () => grpcClient(stage.ports));
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(clients.map((client) => client.ask('echo')));
      for (const answer of answers) expect(answer).toEqual([10, 20, 30, 40]);
    }
    await until('all connections are told of', () => stage.accepted.length >= 24);
    for (const client of clients) client.close();
    expect(threadsOf(stage).size).toBeGreaterThan(1);
    expect(stage.server.unreleased).toBe(0);
  });

  it('have one server behind them, control plane included', async () => {
    const stage = await started({ threadCount: 2 });
    stage.server.ready = false;
    const statuses = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await fetch(`http://127.0.0.1:${stage.ports.http}/v2/health/ready`)).status,
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([400]));
    const unknown = await fetch(`http://127.0.0.1:${stage.ports.http}/v2/models/nobody`);
    expect(await unknown.json()).toEqual({ error: "Request for unknown model: 'nobody' is not found" });
  });

  it('may be of one protocol only', async () => {
    const stage = await started({ threadCount: 2, grpcPort: null });
    expect(stage.names).toEqual(['http']);
    expect(numberOf(await stage.ask(5))).toBe(5);
  });

  it('tell where they listen', async () => {
    const port = freePort();
    const stage = await started({ threadCount: 2, httpPort: port });
    expect(stage.listening('http')).toMatchObject({ port, address: `127.0.0.1:${port}` });
    expect(stage.listening('grpc').address).toBe(`127.0.0.1:${stage.ports.grpc}`);
  });

  it('end with all their threads, connections and sockets', async () => {
    const before = openSockets();
    const stage = await started({ threadCount: 4 });
    expect(liveThreads()).toHaveLength(4);
    const idle = connect(stage.ports.http, '127.0.0.1');
    await once(idle, 'connect');
    await stage.ask(1);
    const { http, grpc } = stage.ports;
    const isCut = once(idle, 'close');
    stage.listening('http').close();
    stage.listening('grpc').close();
    await allThreadsEnded();
    await isCut;
    expect(liveThreads()).toEqual([]);
    expect([isFree(http), isFree(grpc)]).toEqual([true, true]);
    // Fewer: sockets of the test before may have been closing when they were counted. The ports show that none is left.
    await until('every socket is closed', () => openSockets() <= before);
  });
});

describe.runIf(native.sharesPorts)('a frontend thread that fails', () => {
  it('loses its own connections only, and another one follows', async () => {
    const stage = await started({ threadCount: 2 });
    const { give } = holdAnswers(stage);
    const count = 40;
    const answers = Array.from({ length: count }, (_, i) =>
      stage.ask(i).then(
        (answer) => numberOf(answer),
        (error: NodeJS.ErrnoException) => error.code,
      ),
    );
    await until('all requests are at the server', () => stage.server.seen.length === count);
    await until('all connections are told of', () => stage.accepted.length === count);
    const [victim] = stage.accepted.map(({ thread }) => thread);
    await until('they are spread', async () => (await stage.connectionCounts()).join() === '20,20');
    const lost = count / 2;

    stage.fail(victim);
    await until('the thread is back', () => stage.log.includes('a frontend thread is back'));
    const left = stage.server.seen.filter(({ context }) => context.cancellation.cancelled);
    expect(left.length).toBe(lost);

    give();
    const ends = await Promise.all(answers);
    expect(ends.filter((end) => end === 'ECONNRESET').length).toBe(lost);
    expect(ends.every((end, i) => end === 'ECONNRESET' || end === i)).toBe(true);
    expect(left.map(({ request }) => ends[Number(request.id.slice(1))])).toEqual(new Array(lost).fill('ECONNRESET'));
    await until('late answers are released', () => stage.server.unreleased === 0);

    expect(liveThreads()).toHaveLength(2);
    expect(liveThreads()).not.toContain(victim);
    const again = await Promise.all(Array.from({ length: 60 }, (_, i) => stage.ask(1000 + i)));
    expect(again.map(numberOf)).toEqual(Array.from({ length: 60 }, (_, i) => 1000 + i));
    await until('all connections are told of', () => stage.accepted.length === count + 60);
    const heirs = new Set(stage.accepted.slice(count).map(({ thread }) => thread));
    expect(heirs).toEqual(new Set(liveThreads()));
    expect(stage.log).toContain('a frontend thread failed');
    expect(stage.log).toContain('a frontend thread ended; its connections are lost, another one follows');
  });

  it('may fail again and again', async () => {
    const stage = await started({ threadCount: 1 });
    for (let round = 1; round <= 3; round++) {
      const [victim] = liveThreads();
      stage.fail(victim);
      const backs = (): number => stage.log.filter((line) => line === 'a frontend thread is back').length;
      await until('the thread is back', () => backs() === round);
      expect(numberOf(await stage.ask(round))).toBe(round);
      expect(liveThreads()).toHaveLength(1);
    }
  });

  it('is replaced when it writes nonsense into its link, and others do not notice', async () => {
    const stage = await started({ threadCount: 2 });
    const [victim, other] = liveThreads();
    stage.corrupt(victim);
    await until('the thread is back', () => stage.log.includes('a frontend thread is back'));
    expect(stage.log).toContain('the link to a frontend thread is broken: the thread is ended');
    expect(liveThreads()).toHaveLength(2);
    expect(liveThreads()).toContain(other);
    expect(liveThreads()).not.toContain(victim);
    for (let i = 0; i < 20; i++) expect(numberOf(await stage.ask(i))).toBe(i);
  });

  it('does not follow when all are ended before', async () => {
    const stage = await started({ threadCount: 1 });
    stage.fail(liveThreads()[0]);
    await until('the thread has ended', () => liveThreads().length === 0);
    stage.listening('http').close();
    await stage.listening('grpc').drain();
    expect(liveThreads()).toEqual([]);
    expect([isFree(stage.ports.http), isFree(stage.ports.grpc)]).toEqual([true, true]);
  });
});

describe.runIf(native.sharesPorts)('a start that fails', () => {
  /** Expects the start to reject, and nothing to be left of it. */
  async function expectRefusal(options: StageOptions, message: string | RegExp): Promise<void> {
    const before = openSockets();
    const threads = liveThreads();
    const [httpPort, grpcPort] = [options.httpPort ?? freePort(), options.grpcPort ?? freePort()];
    const stage = staged({ ...options, httpPort, grpcPort });
    await expect(stage.start()).rejects.toThrow(message);
    await until('its threads have ended', () => liveThreads().length === threads.length);
    await until('every socket is closed', () => openSockets() === before);
    if (options.httpPort === undefined) expect(isFree(httpPort)).toBe(true);
    if (options.grpcPort === undefined) expect(isFree(grpcPort)).toBe(true);
  }

  async function takenPort(): Promise<{ port: number; close: () => void }> {
    const taker = createServer();
    await once(taker.listen(0, '127.0.0.1'), 'listening');
    return { port: (taker.address() as { port: number }).port, close: () => taker.close() };
  }

  it('says that the HTTP port is taken', async () => {
    const { port, close } = await takenPort();
    const message = `Socket '127.0.0.1:${port}' already in use; choose another port with --http-port`;
    await expectRefusal({ httpPort: port }, message);
    close();
  });

  it('says that the gRPC port is taken, and frees the HTTP port', async () => {
    const { port, close } = await takenPort();
    const message = `Socket '127.0.0.1:${port}' already in use; choose another port with --grpc-port`;
    await expectRefusal({ grpcPort: port }, message);
    close();
  });

  it('does not join the sockets of another server that shares its port', async () => {
    const first = await started({ threadCount: 2 });
    await expectRefusal({ httpPort: first.ports.http }, 'already in use');
    expect(numberOf(await first.ask(3))).toBe(3);
  });

  it('tells why when the threads fail at once', () => expectRefusal({ failure: 'fail' }, 'failed on purpose'));

  it('tells so when the threads end at once', () =>
    expectRefusal({ failure: 'leave' }, 'a frontend thread ended while it started'));

  it('frees the sockets that the threads had taken and those that they had not', () =>
    expectRefusal({ failure: 'half' }, 'failed half way'));

  it('frees the sockets when no thread can be made', () =>
    expectRefusal({ entry: new URL('https://nowhere.example/thread.js') }, 'must be of scheme file'));
});

describe.runIf(native.sharesPorts)('a drain', () => {
  const isRefused = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      const settle = (isRefusal: boolean): void => {
        socket.destroy();
        resolve(isRefusal);
      };
      socket.once('connect', () => settle(false));
      socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
    });

  it('answers accepted requests and refuses new ones', async () => {
    const stage = await started();
    const { give } = holdAnswers(stage);
    const grpc = Array.from({ length: 6 }, () => grpcClient(stage.ports));
    const asked = Promise.all([
      ...Array.from({ length: 20 }, (_, i) => stage.ask(i).then(numberOf)),
      ...grpc.map(({ ask }) => ask('echo')),
    ]);
    await until('all requests are at the server', () => stage.server.seen.length === 26);
    let isDrained = false;
    const drained = Promise.all([stage.listening('http').drain(), stage.listening('grpc').drain()]).then(() => {
      isDrained = true;
    });
    for (const port of [stage.ports.http, stage.ports.grpc])
      await until('connections are refused', () => isRefused(port));
    expect(isDrained).toBe(false);
    give();
    const expected = [...Array.from({ length: 20 }, (_, i) => i), ...grpc.map(() => [10, 20, 30, 40])];
    expect(await asked).toEqual(expected);
    await drained;
    for (const client of grpc) client.close();
    expect(stage.server.unreleased).toBe(0);
  });

  it('ends when a thread fails meanwhile', async () => {
    const stage = await started({ threadCount: 2 });
    holdAnswers(stage);
    const asked = Promise.allSettled(Array.from({ length: 10 }, (_, i) => stage.ask(i)));
    await until('all requests are at the server', () => stage.server.seen.length === 10);
    const drained = stage.listening('http').drain();
    for (const thread of liveThreads()) stage.fail(thread);
    await drained;
    expect((await asked).every(({ status }) => status === 'rejected')).toBe(true);
    expect(stage.server.seen.every(({ context }) => context.cancellation.cancelled)).toBe(true);
  });
});
