import { createServer } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGrpcFrontend } from '../../../src/frontends/grpc/grpc-frontend.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { silentLogger } from '../../../src/logger.ts';
import { systemClock } from '../../../src/time.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeInferenceServer } from '../../fakes/fake-inference-server.ts';
import {
  call,
  deferred,
  echoRequest,
  failure,
  grpcConfig,
  openStream,
  type Running,
  startFrontend,
  until,
} from './running-frontend.ts';

const leaving = 'GRPC server is shutting down and has stopped accepting new requests.';

const frontendOn = (listen: { host: string; port: number } | null) =>
  createGrpcFrontend({
    server: new FakeInferenceServer(),
    clock: systemClock,
    logger: silentLogger,
    config: grpcConfig({ listen }),
    isExiting: () => false,
  });

describe('starting', () => {
  it('says where it listens', async () => {
    const listening = await frontendOn({ host: '127.0.0.1', port: 0 }).start();
    expect(listening.port).toBeGreaterThan(0);
    expect(listening.address).toBe(`127.0.0.1:${listening.port}`);
    listening.close();
  });

  it('names address and flag when the port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect(frontendOn({ host: '127.0.0.1', port }).start()).rejects.toThrow(
      `Socket '127.0.0.1:${port}' already in use; choose another port with --grpc-port`,
    );
    other.close();
  });

  it('names the address flag for an address this machine does not have', async () => {
    await expect(frontendOn({ host: '192.0.2.1', port: 0 }).start()).rejects.toThrow('--grpc-address');
  });

  it('refuses when it is switched off', async () => {
    await expect(frontendOn(null).start()).rejects.toThrow('--allow-grpc=false');
  });
});

describe('leaving', () => {
  let running: Running;
  beforeEach(async () => {
    running = await startFrontend();
  });
  afterEach(() => running.stop());

  it('finishes accepted calls and refuses new ones', async () => {
    const held = deferred<InferenceResponse>();
    const echo = running.server.answer;
    running.server.answer = (request, context) => (request.id === 'held' ? held.promise : echo(request, context));
    const answer = call(running.client, 'ModelInfer', echoRequest('held'));
    await until(() => running.server.seen.length === 1, 'request');
    let isDrained = false;
    const drained = running.listening.drain().then(() => {
      isDrained = true;
    });
    expect(await failure(call(running.client, 'ModelInfer', echoRequest('late')))).toMatchObject({
      code: grpc.status.UNAVAILABLE,
      details: leaving,
    });
    expect((await failure(call(running.client, 'RepositoryModelLoad', { model_name: 'm' }))).details).toBe(leaving);
    expect(await call(running.client, 'ServerReady', {})).toEqual({ ready: false });
    expect((await failure(call(running.connect(), 'ServerLive', {}))).code).toBe(grpc.status.UNAVAILABLE);
    expect(isDrained).toBe(false);
    held.resolve(running.server.respond(running.server.seen[0]!.request, []));
    expect((await answer).id).toBe('held');
    await drained;
  });

  it('answers the outstanding requests of a stream, refuses new ones in it, and then ends it', async () => {
    const held = deferred<InferenceResponse>();
    running.server.answer = () => held.promise;
    const { stream, messages, received, ended } = openStream(running.client);
    stream.write(echoRequest('a'));
    await until(() => running.server.seen.length === 1, 'request');
    const drained = running.listening.drain();
    stream.write(echoRequest('b'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    held.resolve(running.server.respond(running.server.seen[0]!.request, []));
    await received(2);
    expect(messages[0].infer_response.id).toBe('a');
    expect(messages[1]).toMatchObject({ error_message: leaving, infer_response: { id: 'b' } });
    expect(await ended).toMatchObject({ code: grpc.status.UNAVAILABLE, details: leaving });
    await drained;
  });

  it('ends idle streams and connections at once', async () => {
    // No grace passes on this clock.
    const still = await startFrontend({}, undefined, new FakeClock());
    try {
      const { ended } = openStream(still.client);
      await call(still.client, 'ServerLive', {});
      await still.listening.drain();
      expect((await ended).code).toBe(grpc.status.UNAVAILABLE);
    } finally {
      still.stop();
    }
  });

  it('loses no accepted request under load', async () => {
    const delayed: (() => void)[] = [];
    running.server.answer = (request) =>
      new Promise((resolve) => delayed.push(() => resolve(running.server.respond(request, []))));
    const pump = setInterval(() => {
      for (const answer of delayed.splice(0)) answer();
    }, 5);
    let isLeft = false;
    let answered = 0;
    const refusals = new Set<string>();
    const worker = async (): Promise<void> => {
      while (!isLeft) {
        try {
          await call(running.client, 'ModelInfer', echoRequest('x'));
          answered++;
        } catch (error) {
          const { code, details } = error as { code: number; details: string };
          refusals.add(`${code} ${details}`);
          isLeft = true;
        }
      }
    };
    const workers = Array.from({ length: 16 }, worker);
    await until(() => answered > 100, 'load');
    const drained = running.listening.drain();
    await Promise.all(workers);
    await drained;
    clearInterval(pump);
    expect(answered).toBe(running.server.seen.length);
    expect(refusals.size).toBeGreaterThan(0);
    // Our text while the drain lasts; a stream refused with the connection's end is as safe to repeat.
    for (const refusal of refusals)
      expect(refusal).toMatch(/^14 (GRPC server is shutting down|Stream refused|.*ECONN)/);
    expect(running.server.unreleased).toBe(0);
  });

  it('refuses from the moment the process says so, before the drain', async () => {
    running.exiting = true;
    expect((await failure(call(running.client, 'ModelInfer', echoRequest('')))).details).toBe(leaving);
    expect(await call(running.client, 'ServerLive', {})).toEqual({ live: false });
  });

  it('cuts everything on close', async () => {
    running.server.answer = () => new Promise(() => undefined);
    const answer = failure(call(running.client, 'ModelInfer', echoRequest('')));
    await until(() => running.server.seen.length === 1, 'request');
    running.listening.close();
    expect((await answer).code).toBe(grpc.status.UNAVAILABLE);
    await until(() => running.server.last.context.cancellation.cancelled, 'cancellation');
  });
});

describe('connections', () => {
  it('are pinged and dropped by their age as configured', async () => {
    const running = await startFrontend({ maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 50, keepaliveTimeMs: 40 });
    const { ended } = openStream(running.client);
    const { code } = await ended;
    expect([grpc.status.UNAVAILABLE, grpc.status.INTERNAL, grpc.status.CANCELLED]).toContain(code);
    running.stop();
  });
});
