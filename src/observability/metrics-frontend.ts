/** The metrics endpoint: a port of its own, so that scraping stays possible while the inference ports are drained. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Frontend, Listening } from '../frontends/frontend.ts';
import { listenAt, type TakenAddress } from '../frontends/listen.ts';
import type { Logger } from '../logger.ts';
import type { ListenAddress } from '../server/server-config.ts';
import { metricsContentType } from './metrics.ts';

/** A scrape is a request of a few hundred bytes; larger or slower ones are refused. */
const maxHeaderBytes = 16 * 1024;
const requestTimeoutMs = 10_000;

const plain = 'text/plain; charset=utf-8';

interface ScrapeAnswer {
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

/** The answer to a request, by its method and path alone. Rejects when `render` does. */
export async function scrapeAnswer(
  method: string,
  target: string,
  render: () => Promise<string>,
): Promise<ScrapeAnswer> {
  if (!/^\/metrics\/?$/.test(pathOf(target))) return answerOf(404, plain, 'not found: metrics are at /metrics\n');
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

  async start(): Promise<Listening> {
    const server = createServer(
      { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs },
      (request, response) => this.#answer(request, response, server),
    );
    const taken = await listenAt('metrics', server, this.#listen, null);
    server.on('error', (error) => this.#logger.error({ error }, 'the metrics port failed'));
    return listening(server, taken);
  }

  #answer(request: IncomingMessage, response: ServerResponse, server: Server): void {
    request.resume();
    scrapeAnswer(request.method ?? '', request.url ?? '', this.#render)
      .catch((error: unknown) => {
        this.#logger.error({ error }, 'the metrics could not be collected');
        return answerOf(500, plain, 'the metrics could not be collected; the reason is in the log\n');
      })
      .then(({ status, headers, body }) => {
        // An open connection would delay the drain.
        if (!server.listening) response.setHeader('Connection', 'close');
        response.writeHead(status, headers).end(body);
      });
  }
}

function listening(server: Server, taken: TakenAddress): Listening {
  return {
    ...taken,
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
