/** The gRPC endpoint: the method tables on a transport, and the start of the drain. */

import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { GrpcConfig } from '../../server/server-config.ts';
import type { SocketCalls } from '../../sockets/socket-calls.ts';
import type { Clock } from '../../time.ts';
import { createApiGuard } from '../api-guard.ts';
import type { ConnectionPlacement, Frontend, Listening, ListeningSocket } from '../frontend.ts';
import type { MessageMemory } from '../message-pool.ts';
import { SliceQueue } from '../slice-queue.ts';
import { createGrpcJsTransport } from './transport/grpc-js/transport.ts';
import { createHttp2Transport } from './transport/http2/transport.ts';
import { type MethodTable, methodsOf } from './method-table.ts';
import { methodTables } from './method-tables.ts';
import { loadProtocol } from './wire/protocol.ts';
import type { GrpcTransport } from './transport/transport.ts';

interface GrpcFrontendOptions {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: GrpcConfig;
  /** True once the process has begun to shut down, which may be before this frontend is drained. */
  readonly isExiting: () => boolean;
  /** A socket that listens already, in place of the configured address. */
  readonly socket?: ListeningSocket | null;
  /** For long work, shared by all frontends of the thread; absent means a queue of its own. */
  readonly slices?: SliceQueue;
  /** The memory for messages; absent means a pool of its own. grpc-js allocates by itself and uses only the budget. */
  readonly memory?: MessageMemory;
  /** Decides who serves accepted connections; absent means this frontend. No effect with grpc-js. */
  readonly placement?: ConnectionPlacement;
  /**
   * Sets the low-water mark of sockets for large messages; absent means that it is not used. No effect with grpc-js.
   */
  readonly socketCalls?: SocketCalls;
  /** The tables of rpcs; absent means all of `method-tables.ts`. */
  readonly methodTables?: readonly MethodTable[];
}

interface TransportDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memory: MessageMemory | undefined;
  readonly placement: ConnectionPlacement | undefined;
  readonly socketCalls: SocketCalls | undefined;
}

const transports: Readonly<Record<GrpcConfig['transport'], (dependencies: TransportDependencies) => GrpcTransport>> = {
  nereid: createHttp2Transport,
  'grpc-js': createGrpcJsTransport,
};

export function createGrpcFrontend(options: GrpcFrontendOptions): Frontend {
  const { server, clock, logger, config, isExiting, memory, placement, socketCalls } = options;
  const { slices = new SliceQueue(clock) } = options;
  const transport = transports[config.transport]({ clock, logger, memory, placement, socketCalls });
  return {
    name: 'grpc',
    async start(): Promise<Listening> {
      let isDraining = false;
      const surroundings = {
        protocol: await loadProtocol(),
        server,
        clock,
        slices,
        logger,
        isLeaving: () => isDraining || isExiting(),
        headerForwardPattern: config.headerForwardPattern,
        maxMessageBytes: config.maxMessageBytes,
      };
      const methods = methodsOf(
        options.methodTables ?? methodTables,
        surroundings,
        createApiGuard(config.restrictions),
      );
      const listening = await transport.start(methods, config, options.socket ?? null);
      return {
        address: listening.address,
        port: listening.port,
        drain() {
          isDraining = true;
          return listening.drain();
        },
        close: () => listening.close(),
        adopt: (fd) => listening.adopt?.(fd),
      };
    },
  };
}
