import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../protobuf-oracle.ts';
import { call, type Running, startFrontend, until } from '../running-frontend.ts';

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

const check = (service = '') => call(running.health, 'Check', { service });

function watch() {
  const stream = running.health.Watch({ service: 'any' });
  const states: string[] = [];
  stream.on('data', ({ status }: Message) => states.push(status));
  stream.on('error', () => undefined);
  const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve));
  return { stream, states, ended };
}

describe('grpc.health.v1', () => {
  it('serves while the server is ready, for any service', async () => {
    expect(await check()).toEqual({ status: 'SERVING' });
    expect(await check('inference.GRPCInferenceService')).toEqual({ status: 'SERVING' });
    running.server.ready = false;
    expect(await check()).toEqual({ status: 'NOT_SERVING' });
    running.server.ready = true;
    running.exiting = true;
    expect(await check()).toEqual({ status: 'NOT_SERVING' });
  });

  it('tells watchers the state at once and when it changes', async () => {
    const { stream, states, ended } = watch();
    await until(() => states.length === 1, 'first state');
    running.server.ready = false;
    await until(() => states.length === 2, 'second state');
    running.server.ready = true;
    await until(() => states.length === 3, 'third state');
    expect(states).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
    stream.cancel();
    expect((await ended).code).toBe(grpc.status.CANCELLED);
  });

  it('ends watches when the server leaves, after saying so', async () => {
    const { states, ended } = watch();
    await until(() => states.length === 1, 'first state');
    const drained = running.listening.drain();
    expect((await ended).code).toBe(0);
    expect(states).toEqual(['SERVING', 'NOT_SERVING']);
    await drained;
  });
});
