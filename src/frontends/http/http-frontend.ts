/**
 * The HTTP frontend on `node:http`: listening, limits on slow and malformed clients, and leaving. What a request means is
 * `dispatch.ts`.
 */

import { createServer, type Server, ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { failedPrecondition, type InferenceError, toInferenceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { HttpConfig, ListenAddress } from '../../server/server-config.ts';
import type { Clock } from '../../time.ts';
import { acceptBacklog, type Frontend, type Listening, type ListeningSocket } from '../frontend.ts';
import { type MessageMemory, MessagePool } from '../message-pool.ts';
import { ChunkGarbage } from './chunk-garbage.ts';
import { directPathWorks } from './direct-path-trial.ts';
import { dispatch } from './dispatch.ts';
import { Exchange, keepAliveTimeoutMs } from './exchange.ts';
import type { HttpContext } from './http-context.ts';
import { InferHandler } from './infer-handler.ts';
import { OpenExchanges } from './open-exchanges.ts';
import { DirectRequest, ReceivedRequest } from './received-request.ts';

export interface HttpFrontendOptions {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: HttpConfig;
  /** Whether the process has been told to end; absent means never. */
  readonly isExiting?: () => boolean;
  /** Where to listen instead of opening the configured address. */
  readonly socket?: ListeningSocket | null;
  /** Where the bodies of requests lie; absent means a pool of its own. */
  readonly memory?: MessageMemory;
  /** Whether requests go Node's own way in any case; absent means only where Node does not allow a shorter one. */
  readonly isIndirect?: boolean;
}

/** Time for the head of a request, and for head and body together, before 408. */
const headersTimeoutMs = 60_000;
const requestTimeoutMs = 300_000;
const maxHeadBytes = 16 * 1024;
/**
 * How long a drain leaves idle connections open: a client that sends without pause may have its next request on the wire
 * at this moment, and closing under it would lose that request. Longer than a round trip to anywhere.
 */
const drainGraceMs = 500;

export function createHttpFrontend(options: HttpFrontendOptions): Frontend {
  return { name: 'http', start: () => start(options) };
}

async function start(options: HttpFrontendOptions): Promise<Listening> {
  const { config, clock, logger, server, isExiting = () => false } = options;
  if (config.listen === null) throw failedPrecondition('the HTTP frontend is off (--allow-http=false)');
  const { memory = new MessagePool(clock), isIndirect = false } = options;
  const context: HttpContext = { server, clock, logger, config, isExiting, memory, garbage: new ChunkGarbage() };
  const infer = new InferHandler(context);
  const isDirect = !isIndirect && (await directPathWorks(clock));
  const open = new OpenExchanges(clock, isDirect);

  const http = createServer({
    IncomingMessage: isDirect ? DirectRequest : ReceivedRequest,
    ServerResponse,
    keepAlive: true,
    noDelay: true,
    maxHeaderSize: maxHeadBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  });
  // The size of the head is the limit; a limit on their number would drop headers in silence.
  http.maxHeadersCount = 0;
  http.on('connection', (socket) => open.connect(socket));
  http.on('request', (request, response) => {
    const exchange = new Exchange(request, response, open, clock.now());
    open.open(exchange);
    dispatch(context, infer, exchange);
  });
  http.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuse(open, error, socket));
  await listen(http, config.listen, options.socket ?? null);
  http.on('error', (error) => logger.error({ err: error }, 'the HTTP listener failed'));
  return listening(http, open, clock);
}

function listen(http: Server, address: ListenAddress, socket: ListeningSocket | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(httpListenError(address, error));
    http.once('error', onError);
    http.listen({ ...(socket ?? address), backlog: acceptBacklog }, () => {
      http.off('error', onError);
      resolve();
    });
  });
}

/** What is told of an address that cannot be had; `error.code` is the system's. */
export function httpListenError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): InferenceError {
  const address = `${host}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return failedPrecondition(`Socket '${address}' already in use; choose another port with --http-port`, error);
  }
  if (error.code === 'EACCES') {
    return failedPrecondition(`Socket '${address}' may not be opened by this user; choose another --http-port`, error);
  }
  return failedPrecondition(
    `Socket '${address}' cannot be opened (${toInferenceError(error).message}); check --http-address and --http-port`,
    error,
  );
}

function listening(http: Server, open: OpenExchanges, clock: Clock): Listening {
  const { address, family, port } = http.address() as AddressInfo;
  return {
    address: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`,
    port,
    async drain() {
      open.closeAfterNewest();
      await stopAccepting(http, clock);
      http.closeIdleConnections();
      await open.whenEmpty();
      // Ends the parser's timers too, which closing as a plain socket server leaves running.
      http.close();
      http.closeAllConnections();
    },
    close() {
      http.close();
      http.closeAllConnections();
    },
  };
}

/** Takes no new connections; resolves when the last one has ended, but no later than the grace. */
function stopAccepting(http: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(clock.now() + drainGraceMs, resolve);
    // An HTTP server's own `close` would end the idle connections at once.
    NetServer.prototype.close.call(http, () => {
      cancel();
      resolve();
    });
  });
}

interface Refusal {
  readonly status: string;
  readonly reason: string;
}

const badRequest = (reason: string): Refusal => ({ status: '400 Bad Request', reason });

/** What the parser and its clock say of a client, by Node's error codes. */
const refusals: ReadonlyMap<string, Refusal> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    { status: '431 Request Header Fields Too Large', reason: `the request head exceeds ${maxHeadBytes} bytes` },
  ],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: '408 Request Timeout', reason: 'the request did not arrive in time' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: '413 Payload Too Large', reason: 'chunk extensions are too large' }],
  ['HPE_INVALID_EOF_STATE', badRequest('the connection ended within a request')],
]);

function refuse(open: OpenExchanges, error: NodeJS.ErrnoException, socket: Duplex): void {
  const code = error.code ?? '';
  // The connection is broken, not the request: nobody listens.
  if (socket.destroyed || !socket.writable || !(code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT')) {
    socket.destroy();
    return;
  }
  const { status, reason } = refusals.get(code) ?? badRequest(`the request is not valid HTTP/1.1 (${code})`);
  const body = JSON.stringify({ error: reason });
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  open.refuse(socket, `${head}Connection: close\r\n\r\n${body}`, reason);
}
