/**
 * The transport on @grpc/grpc-js: it parses HTTP/2 and frames. This transport listens itself and injects the
 * connections, so that it controls a port in use, the end of listening and the last connection.
 */

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import {
  type ChannelOptions,
  Server,
  ServerCredentials,
  type ServerInterceptingCall,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import type { Logger } from '../../../../logger.ts';
import type { GrpcConfig } from '../../../../server/server-config.ts';
import type { Clock } from '../../../../time.ts';
import type { Listening } from '../../../frontend.ts';
import { listenAt } from '../../../listen.ts';
import { type MessageMemory, MessagePool } from '../../../message-pool.ts';
import type { CallSurroundings } from './call.ts';
import { dropEndlessTimeouts, http2ServersOf, maxTimerMs, noteAcceptedEncodings, openWindows } from './internals.ts';
import { GrpcJsStreamCall } from './stream-call.ts';
import { GrpcJsUnaryCall } from './unary-call.ts';
import { OpenCalls } from '../open-calls.ts';
import type { GrpcMethod, GrpcTransport } from '../transport.ts';

/** The most concurrent calls of one connection; each costs some 15 KB here. Callers queue further ones. */
const maxStreamsPerConnection = 8192;

/** After all answers were sent, clients have this long to close their connections. */
const closeGraceMs = 1000;

/** Receive windows: the tensor of an image fits into one, and a connection has a bound for all its calls. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;

interface GrpcJsDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The memory whose budget bounds messages; absent means no bound. */
  readonly memory?: MessageMemory | undefined;
}

export const createGrpcJsTransport = ({
  clock,
  logger,
  memory = new MessagePool(),
}: GrpcJsDependencies): GrpcTransport => ({
  async start(methods, config, socket) {
    const calls = new OpenCalls();
    const server = grpcServer(methods, config, { clock, logger, memory, config }, calls);
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    for (const http2Server of http2ServersOf(server)) {
      openWindows(http2Server, streamWindowBytes, connectionWindowBytes);
      dropEndlessTimeouts(http2Server);
      if (config.responseCompressionLevel !== 'none') noteAcceptedEncodings(http2Server);
    }
    const sockets = new Set<Socket>();
    const listener = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      injector.injectConnection(socket);
    });
    const { address, port } = await listenAt('grpc', listener, config.listen, socket);
    return new GrpcJsListening(address, port, server, listener, sockets, calls, clock);
  },
});

function grpcServer(
  methods: readonly GrpcMethod[],
  config: GrpcConfig,
  surroundings: CallSurroundings,
  calls: OpenCalls,
): Server {
  const byPath = new Map(methods.map((method) => [method.path, method]));
  const server = new Server({
    ...channelOptions(config),
    interceptors: [
      ({ path }, call): ServerInterceptingCall => {
        const method = byPath.get(path) as GrpcMethod;
        return method.kind === 'unary'
          ? new GrpcJsUnaryCall(call, method, surroundings, calls)
          : new GrpcJsStreamCall(call, method, surroundings, calls);
      },
    ],
  });
  server.addService(serviceDefinition(methods), {});
  return server;
}

/** The bytes of messages are passed unchanged: methods have their own codecs. */
const asIs = (bytes: Buffer): Buffer => bytes;

/** Every method is declared as a stream, because handlers of grpc-js are never run. */
const serviceDefinition = (methods: readonly GrpcMethod[]): ServiceDefinition =>
  Object.fromEntries(
    methods.map(({ path }) => [
      path,
      {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    ]),
  );

/** grpc-js passes times to setTimeout unchecked. */
const channelOptions = (config: GrpcConfig): ChannelOptions => ({
  'grpc.max_receive_message_length': config.maxMessageBytes,
  'grpc.max_send_message_length': config.maxMessageBytes,
  'grpc.keepalive_time_ms': Math.min(config.keepaliveTimeMs, maxTimerMs),
  'grpc.keepalive_timeout_ms': Math.min(config.keepaliveTimeoutMs, maxTimerMs),
  'grpc.max_concurrent_streams': maxStreamsPerConnection,
  'grpc.enable_channelz': 0,
  ...(config.maxConnectionAgeMs > 0 && {
    // grpc-js adds up to a tenth.
    'grpc.max_connection_age_ms': Math.min(config.maxConnectionAgeMs, Math.floor(maxTimerMs / 1.1)),
  }),
  ...(config.maxConnectionAgeGraceMs > 0 && {
    'grpc.max_connection_age_grace_ms': Math.min(config.maxConnectionAgeGraceMs, maxTimerMs),
  }),
});

class GrpcJsListening implements Listening {
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  readonly #listener: NetServer;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #calls: OpenCalls;
  readonly #clock: Clock;
  #drained: Promise<void> | null = null;

  constructor(
    address: string,
    port: number,
    server: Server,
    listener: NetServer,
    sockets: ReadonlySet<Socket>,
    calls: OpenCalls,
    clock: Clock,
  ) {
    this.address = address;
    this.port = port;
    this.#server = server;
    this.#listener = listener;
    this.#sockets = sockets;
    this.#calls = calls;
    this.#clock = clock;
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  close(): void {
    this.#listener.close();
    this.#server.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New calls on open connections get the error of their methods; only then connections are closed. */
  async #drain(): Promise<void> {
    const noConnections = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
    });
    await this.#calls.drain();
    this.#server.tryShutdown(() => undefined);
    let stopWaiting: () => void = () => undefined;
    const grace = new Promise<void>((resolve) => {
      stopWaiting = this.#clock.schedule(this.#clock.now() + closeGraceMs, resolve);
    });
    await Promise.race([noConnections, grace]);
    stopWaiting();
  }
}
