/** The HTTP frontend: a transport and its dialects. `dispatch.ts` finds the handler of a request. */

import { failedPrecondition } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { HttpConfig } from '../../server/server-config.ts';
import type { SocketCalls } from '../../sockets/socket-calls.ts';
import type { Clock } from '../../time.ts';
import { createApiGuard } from '../api-guard.ts';
import type { ConnectionPlacement, Frontend, Listening, ListeningSocket } from '../frontend.ts';
import { type MessageMemory, MessagePool } from '../message-pool.ts';
import { SliceQueue } from '../slice-queue.ts';
import type { HttpDialect } from './dialect.ts';
import { httpDialects } from './dialects.ts';
import { Dispatcher } from './dispatch.ts';
import { Exchange } from './exchange.ts';
import { ArrivalOrder } from './control/arrival-order.ts';
import type { HttpContext } from './http-context.ts';
import { createHttp1Transport } from './transport/http1/transport.ts';
import { createNodeTransport } from './transport/node-http/transport.ts';

interface HttpFrontendOptions {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: HttpConfig;
  /** Whether the process has been told to end; absent means never. */
  readonly isExiting?: () => boolean;
  /** A socket that listens already, in place of the configured address. */
  readonly socket?: ListeningSocket | null;
  /** Decides who serves accepted connections; absent means this frontend. */
  readonly placement?: ConnectionPlacement;
  /** Sets the low-water mark of sockets for large bodies; absent means that it is not used. */
  readonly socketCalls?: SocketCalls;
  /** For long work, shared by all frontends of the thread; absent means a queue of its own. */
  readonly slices?: SliceQueue;
  /** The memory for the bodies of requests; absent means a pool of its own. */
  readonly memory?: MessageMemory;
  /** The dialects, in the order in which they are asked; absent means all of `dialects.ts`. */
  readonly dialects?: readonly HttpDialect[];
}

export function createHttpFrontend(options: HttpFrontendOptions): Frontend {
  return { name: 'http', start: () => start(options) };
}

async function start(options: HttpFrontendOptions): Promise<Listening> {
  const { config, clock, logger, server, isExiting = () => false } = options;
  if (config.listen === null) throw failedPrecondition('the HTTP frontend is off (--allow-http=false)');
  const { memory = new MessagePool(clock), slices = new SliceQueue(clock) } = options;
  const { socket = null, placement = null, socketCalls = null } = options;
  const context: HttpContext = {
    server,
    clock,
    logger,
    config,
    isExiting,
    memory,
    slices,
    modelCalls: new ArrivalOrder(),
  };
  const routers = (options.dialects ?? httpDialects).map((dialect) => dialect.open(context));
  const dispatcher = new Dispatcher(context, routers, createApiGuard(config.restrictions));
  const countWaiting = (bytes: number): void => memory.budget.add(bytes);
  const transport =
    config.transport === 'node'
      ? createNodeTransport(clock, countWaiting)
      : createHttp1Transport(clock, placement, socketCalls, countWaiting, () => memory.budget.isShort);
  return transport.start(
    {
      onRequest: (request) => dispatcher.dispatch(new Exchange(request, clock.now())),
      onUnexpected: (error) => logger.error({ err: error }, 'the HTTP frontend failed unexpectedly'),
    },
    config.listen,
    socket,
  );
}
