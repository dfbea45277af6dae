/** The transport on our own HTTP/1.1: src/http1 on a listening socket. */

import { createServer, type Server as NetServer } from 'node:net';
import type { RequestHandler } from '../../../../http1/connection.ts';
import type { Http1Request } from '../../../../http1/request.ts';
import { Http1Server } from '../../../../http1/server.ts';
import { adoptedSocket } from '../../../../sockets/descriptor.ts';
import type { SocketCalls } from '../../../../sockets/socket-calls.ts';
import type { IsMemoryShort } from '../../../../sockets/socket-keeper.ts';
import type { CountWaiting } from '../../../../sockets/socket-writer.ts';
import type { Clock } from '../../../../time.ts';
import type { ConnectionPlacement, Listening } from '../../../frontend.ts';
import { listenAt, type TakenAddress } from '../../../listen.ts';
import { drainGraceMs, errorText, type HttpRequestHandler, type HttpTransport, jsonHeaders } from '../transport.ts';

/**
 * @param placement   Decides who serves accepted connections; null means this transport.
 * @param socketCalls null: only Node's own calls are used
 * @param countWaiting Counts bytes of answers that wait for clients.
 */
export const createHttp1Transport = (
  clock: Clock,
  placement: ConnectionPlacement | null,
  socketCalls: SocketCalls | null,
  countWaiting: CountWaiting | null,
  isMemoryShort: IsMemoryShort | null = null,
): HttpTransport => ({
  async start(handler, listen, socket) {
    const server = new Http1Server(
      new Router(handler),
      clock,
      {},
      {
        ended: () => placement?.ended(),
        socketCalls,
        countWaiting,
        isMemoryShort,
      },
    );
    const options = { noDelay: true, pauseOnConnect: true, allowHalfOpen: true };
    const listener = createServer(options, (accepted) => {
      if (placement === null || placement.accepted(accepted)) server.accept(accepted);
    });
    const taken = await listenAt('http', listener, listen, socket);
    listener.on('error', (error) => handler.onUnexpected(error));
    return new Http1Listening(taken, listener, server);
  },
});

class Router implements RequestHandler {
  readonly #handler: HttpRequestHandler;

  constructor(handler: HttpRequestHandler) {
    this.#handler = handler;
  }

  onRequest(request: Http1Request): void {
    this.#handler.onRequest(request);
  }

  onRefusal(request: Http1Request, reason: string, status: number): void {
    request.respond(status, jsonHeaders, errorText(reason));
  }

  onUnexpected(error: unknown): void {
    this.#handler.onUnexpected(error);
  }
}

class Http1Listening implements Listening {
  readonly address: string;
  readonly port: number;
  readonly #listener: NetServer;
  readonly #server: Http1Server;

  constructor({ address, port }: TakenAddress, listener: NetServer, server: Http1Server) {
    this.address = address;
    this.port = port;
    this.#listener = listener;
    this.#server = server;
  }

  async drain(): Promise<void> {
    this.#listener.close();
    await this.#server.drain(drainGraceMs);
    this.close();
  }

  adopt(fd: number): void {
    this.#server.accept(adoptedSocket(fd, true));
  }

  close(): void {
    this.#listener.close();
    this.#server.destroy();
  }
}
