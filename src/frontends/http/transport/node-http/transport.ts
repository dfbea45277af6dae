/**
 * The transport on `node:http`, used as documented. It costs several times the CPU of src/http1. It exists for
 * comparison and for users who trust only Node's parser: `--http-transport=node`.
 */

import { createServer, type Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { defaultLimits } from '../../../../http1/limits.ts';
import type { CountWaiting } from '../../../../sockets/socket-writer.ts';
import type { Clock } from '../../../../time.ts';
import type { Listening } from '../../../frontend.ts';
import { listenAt, type TakenAddress } from '../../../listen.ts';
import { type ConnectionOwner, NodeConnection } from './connection.ts';
import { NodeRequest } from './request.ts';
import { drainGraceMs, type HttpTransport } from '../transport.ts';

const { maxHeadBytes, headTimeoutMs, requestTimeoutMs, idleTimeoutMs, maxExtensionBytes } = defaultLimits;

/** @param countWaiting Counts bytes of answers that wait for clients. */
export const createNodeTransport = (clock: Clock, countWaiting: CountWaiting): HttpTransport => ({
  async start(handler, listen, socket) {
    const connections = new Map<Duplex, NodeConnection>();
    const http = createServer({
      keepAlive: true,
      noDelay: true,
      maxHeaderSize: maxHeadBytes,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
    });
    // The size of the head is the limit; a limit on the number of headers would drop some silently.
    http.maxHeadersCount = 0;
    const listening = new NodeListening(http, connections, clock);
    http.on('connection', (accepted) => {
      const connection = new NodeConnection(accepted, clock, listening);
      connections.set(accepted, connection);
      accepted.once('close', () => {
        connections.delete(accepted);
        connection.lost();
      });
    });
    http.on('request', (request, response) => {
      const connection = connections.get(request.socket);
      if (connection !== undefined)
        handler.onRequest(connection.add(new NodeRequest(request, response, connection, countWaiting)));
    });
    http.on('clientError', (error: NodeJS.ErrnoException, broken: Duplex) => {
      const refusal = refusalOf(error);
      const connection = connections.get(broken);
      // The connection is broken, so no client would read an answer.
      if (refusal === null || connection === undefined || !broken.writable) broken.destroy();
      else connection.refuse(refusal.status, refusal.reason);
    });
    listening.taken = await listenAt('http', http, listen, socket);
    http.on('error', (error) => handler.onUnexpected(error));
    return listening;
  },
});

interface NodeRefusal {
  readonly status: number;
  readonly reason: string;
}

/** The refusal for an error of the parser or its timeouts, by Node's error code; null for other errors. */
function refusalOf({ code = '' }: NodeJS.ErrnoException): NodeRefusal | null {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, reason: `the request head exceeds ${maxHeadBytes} bytes` };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, reason: 'the request did not arrive in time' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, reason: `the chunk extensions exceed ${maxExtensionBytes} bytes` };
    case 'HPE_INVALID_EOF_STATE':
      return { status: 400, reason: 'the request is not valid HTTP/1.1: the connection ended within it' };
    default:
      return code.startsWith('HPE_') ? { status: 400, reason: `the request is not valid HTTP/1.1 (${code})` } : null;
  }
}

class NodeListening implements Listening, ConnectionOwner {
  taken: TakenAddress | null = null;
  isDraining = false;
  readonly #http: Server;
  readonly #connections: ReadonlyMap<Duplex, NodeConnection>;
  readonly #clock: Clock;
  #onIdle: (() => void) | null = null;

  constructor(http: Server, connections: ReadonlyMap<Duplex, NodeConnection>, clock: Clock) {
    this.#http = http;
    this.#connections = connections;
    this.#clock = clock;
  }

  get address(): string {
    return this.taken?.address ?? '';
  }

  get port(): number {
    return this.taken?.port ?? 0;
  }

  async drain(): Promise<void> {
    this.isDraining = true;
    await this.#stopAccepting();
    this.#http.closeIdleConnections();
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.lookIfIdle();
    });
    this.close();
  }

  close(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }

  lookIfIdle(): void {
    for (const connection of this.#connections.values()) if (connection.isBusy) return;
    this.#onIdle?.();
    this.#onIdle = null;
  }

  /** Resolves when the last connection has ended, but no later than the grace. */
  #stopAccepting(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(this.#clock.now() + drainGraceMs, resolve);
      // An HTTP server's own `close` would end the idle connections at once.
      NetServer.prototype.close.call(this.#http, () => {
        cancel();
        resolve();
      });
    });
  }
}
