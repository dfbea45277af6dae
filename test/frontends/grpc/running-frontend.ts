/** A frontend on a free port with the fake server behind it, and a real grpc-js client in front. */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Listening } from '../../../src/frontends/frontend.ts';
import { createGrpcFrontend } from '../../../src/frontends/grpc/grpc-frontend.ts';
import type { MessageMemory } from '../../../src/frontends/message-pool.ts';
import { silentLogger } from '../../../src/logger.ts';
import type { GrpcConfig } from '../../../src/server/server-config.ts';
import { type Clock, systemClock } from '../../../src/time.ts';
import { FakeInferenceServer } from '../../fakes/fake-inference-server.ts';
import type { LinkFixture } from '../../threads/link/link-fixture.ts';
import type { Message } from './protobuf-oracle.ts';

/** The same tests run on both transports: the project `grpc-js` of vitest.config.ts chooses the other one. */
export const transportUnderTest = (process.env.GRPC_TRANSPORT ?? 'nereid') as GrpcConfig['transport'];

export const grpcConfig = (rest: Partial<GrpcConfig> = {}): GrpcConfig => ({
  listen: { host: '127.0.0.1', port: 0 },
  transport: transportUnderTest,
  maxMessageBytes: 2 ** 31 - 1,
  headerForwardPattern: null,
  restrictions: [],
  responseCompressionLevel: 'none',
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 0,
  ...rest,
});

const definitions = grpc.loadPackageDefinition(
  loadSync(['grpc_service.proto', 'health.proto'], {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [fileURLToPath(new URL('../../../proto/', import.meta.url))],
  }),
) as Message;

export interface Running {
  readonly server: FakeInferenceServer;
  readonly listening: Listening;
  readonly client: Message;
  readonly health: Message;
  /** Decides what `isExiting` says. */
  exiting: boolean;
  /** Another client on a connection of its own. */
  connect(options?: grpc.ChannelOptions): Message;
  stop(): void;
}

/**
 * @param memory absent means a pool of its own.
 * @param link   absent means that the fake server is in the thread of the frontend.
 */
export async function startFrontend(
  config: Partial<GrpcConfig> = {},
  memory?: MessageMemory,
  clock: Clock = systemClock,
  link?: LinkFixture,
): Promise<Running> {
  const server = link?.fake ?? new FakeInferenceServer();
  const frontend = createGrpcFrontend({
    server: link?.server ?? server,
    clock,
    logger: silentLogger,
    config: grpcConfig(config),
    isExiting: () => running.exiting,
    ...(memory !== undefined && { memory }),
  });
  const listening = await frontend.start();
  const clients: { close(): void }[] = [];
  const open = (Service: Message, options: grpc.ChannelOptions = {}): Message => {
    const client = new Service(`127.0.0.1:${listening.port}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      ...options,
    });
    clients.push(client);
    return client;
  };
  const running: Running = {
    server,
    listening,
    exiting: false,
    client: open(definitions.inference.GRPCInferenceService),
    health: open(definitions.grpc.health.v1.Health),
    connect: (options) => open(definitions.inference.GRPCInferenceService, options),
    stop() {
      for (const client of clients) client.close();
      listening.close();
    },
  };
  return running;
}

/** One unary call; rejects with the ServiceError. */
export const call = (
  client: Message,
  method: string,
  request: object,
  { metadata = new grpc.Metadata(), ...options }: { metadata?: grpc.Metadata } & grpc.CallOptions = {},
): Promise<Message> =>
  new Promise((resolve, reject) => {
    client[method](request, metadata, options, (error: Error | null, response: Message) =>
      error === null ? resolve(response) : reject(error),
    );
  });

/** Code and text of a call that must fail. */
export async function failure(answer: Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> {
  try {
    await answer;
  } catch (error) {
    return error as { code: number; details: string };
  }
  throw new Error('the call succeeded');
}

/** A request to the fake's `echo` model. */
export const echoRequest = (id: string, data: Uint8Array = Uint8Array.of(1, 2, 3, 4)): object => ({
  model_name: 'echo',
  id,
  inputs: [{ name: 'IN', datatype: 'UINT8', shape: [data.length] }],
  raw_input_contents: [data],
});

export interface OpenStream {
  readonly messages: Message[];
  readonly stream: Message;
  /** Resolves with the status that ended the stream. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
  /** Resolves when this many messages have come. */
  received(count: number): Promise<void>;
}

export function openStream(client: Message, metadata = new grpc.Metadata()): OpenStream {
  const stream = client.ModelStreamInfer(metadata);
  const messages: Message[] = [];
  stream.on('data', (message: Message) => {
    messages.push(message);
    stream.emit('counted');
  });
  stream.on('error', () => undefined);
  // Not `once`: it would reject with the error that comes with the status.
  const ended = new Promise<{ code: number; details: string }>((resolve) => stream.on('status', resolve));
  return {
    messages,
    stream,
    ended,
    async received(count) {
      while (messages.length < count) await once(stream, 'counted');
    },
  };
}

/** A promise with its ends in the hand. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Resolves when the condition holds; fails when it does not within some seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
