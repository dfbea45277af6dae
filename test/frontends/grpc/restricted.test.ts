import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { invalidArgument, notFound, unavailable } from '../../../src/errors.ts';
import { call, echoRequest, failure, openStream, type Running, startFrontend } from './running-frontend.ts';

let running: Running;
afterEach(() => running.stop());

const withKey = (value: string): { metadata: grpc.Metadata } => {
  const metadata = new grpc.Metadata();
  metadata.set('triton-grpc-protocol-key', value);
  return { metadata };
};

describe('a restricted protocol', () => {
  it('needs its metadata with its very value; the others do not', async () => {
    const apis = ['inference', 'health'] as const;
    running = await startFrontend({ restrictions: [{ apis, header: 'triton-grpc-protocol-key', value: 'v' }] });
    const { client, health } = running;
    const restricted = {
      code: grpc.status.UNAVAILABLE,
      details: "This protocol is restricted, expecting header 'triton-grpc-protocol-key'",
    };
    expect(await failure(call(client, 'ModelInfer', echoRequest('1')))).toMatchObject(restricted);
    expect(await failure(call(client, 'ModelInfer', echoRequest('2'), withKey('w')))).toMatchObject(restricted);
    expect((await call(client, 'ModelInfer', echoRequest('3'), withKey('v'))).id).toBe('3');
    expect(await failure(call(client, 'ServerLive', {}))).toMatchObject(restricted);
    expect(await call(client, 'ServerLive', {}, withKey('v'))).toEqual({ live: true });
    expect(await failure(call(health, 'Check', {}))).toMatchObject(restricted);
    expect(await call(client, 'ServerMetadata', {})).toMatchObject({ name: 'nereid' });
    expect(running.server.seen).toHaveLength(1);
  });

  it('refuses a stream at once', async () => {
    running = await startFrontend({
      restrictions: [{ apis: ['inference'], header: 'triton-grpc-protocol-key', value: 'v' }],
    });
    const refused = openStream(running.client);
    refused.stream.write(echoRequest('a'));
    expect(await refused.ended).toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(refused.messages).toHaveLength(0);
    const { stream, messages, ended } = openStream(running.client, withKey('v').metadata);
    stream.write(echoRequest('b'));
    stream.end();
    expect((await ended).code).toBe(grpc.status.OK);
    expect(messages).toHaveLength(1);
  });
});

describe('ModelReady', () => {
  it('is false for unknown models and those being loaded or unloaded, and an error only for an invalid name', async () => {
    running = await startFrontend();
    const { client, server } = running;
    const ready = (name: string, version = '') => call(client, 'ModelReady', { name, version });
    expect(await ready('echo')).toEqual({ ready: true });
    for (const error of [notFound('no such model'), unavailable('it is being loaded')]) {
      server.isModelReady = () => Promise.reject(error);
      expect(await ready('echo')).toEqual({ ready: false });
    }
    server.isModelReady = () => Promise.reject(invalidArgument('no version'));
    expect(await failure(ready('echo', 'x'))).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });
});
