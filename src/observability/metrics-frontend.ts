/** The metrics endpoint: a port of its own, so that scraping stays possible while the inference ports are drained. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Frontend, Listening } from '../frontends/frontend.ts';
import type { Logger } from '../logger.ts';
import type { ListenAddress } from '../server/server-config.ts';
import { metricsContentType } from './metrics.ts';

/** A scrape is a few hundred bytes of request; nothing larger or slower is worth waiting for. */
const maxHeaderBytes = 16 * 1024;
const requestTimeoutMs = 10_000;

const plain = 'text/plain; charset=utf-8';

export interface ScrapeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const answerOf = (status: number, contentType: string, body: string): ScrapeAnswer => ({
  status,
  headers: { 'Content-Type': contentType, 'Content-Length': String(Buffer.byteLength(body)) },
  body,
});

/** The path of a request target, without the query. */
const pathOf = (target: string): string => target.split('?', 1)[0] ?? '';

/** What a request is answered. Nothing but method and path is looked at. Rejects when `render` does. */
export async function scrapeAnswer(
  method: string,
  target: string,
  render: () => Promise<string>,
): Promise<ScrapeAnswer> {
  if (pathOf(target) !== '/metrics') return answerOf(404, plain, 'not found: metrics are at /metrics\n');
  if (method === 'GET' || method === 'HEAD') return answerOf(200, metricsContentType, await render());
  const refusal = answerOf(405, plain, 'method not allowed: metrics are read with GET\n');
  return { ...refusal, headers: { ...refusal.headers, Allow: 'GET, HEAD' } };
}

export class MetricsFrontend implements Frontend {
  readonly name = 'metrics';
  readonly #listen: ListenAddress;
  readonly #render: () => Promise<string>;
  readonly #logger: Logger;

  constructor(listen: ListenAddress, render: () => Promise<string>, logger: Logger) {
    this.#listen = listen;
    this.#render = render;
    this.#logger = logger;
  }

  start(): Promise<Listening> {
    const { host, port } = this.#listen;
    const server = createServer(
      { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs },
      (request, response) => this.#answer(request, response, server),
    );
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EADDRINUSE' ? 'already in use' : `not available: ${error.message}`;
        reject(new Error(`Socket '${host}:${port}' ${reason} (metrics)`, { cause: error }));
      });
      server.listen(port, host, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#logger.error({ error }, 'the metrics port failed'));
        resolve(listening(server, host));
      });
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, server: Server): void {
    request.resume();
    scrapeAnswer(request.method ?? '', request.url ?? '', this.#render)
      .catch((error: unknown) => {
        this.#logger.error({ error }, 'the metrics could not be collected');
        return answerOf(500, plain, 'the metrics could not be collected; the reason is in the log\n');
      })
      .then(({ status, headers, body }) => {
        // A connection that stays open would hold up the drain that is under way.
        if (!server.listening) response.setHeader('Connection', 'close');
        response.writeHead(status, headers).end(body);
      });
  }
}

function listening(server: Server, host: string): Listening {
  const { port } = server.address() as AddressInfo;
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    port,
    drain: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
