/**
 * The metrics endpoint: a port of its own, so that scraping stays possible while the inference ports are drained. A page
 * leaves in pieces, at most one in each turn of the event loop for all scrapers together, and none before its scraper has
 * taken the last one.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Frontend, Listening } from '../frontends/frontend.ts';
import { listenAt, type TakenAddress } from '../frontends/listen.ts';
import { pathOf } from '../frontends/request-target.ts';
import type { SliceQueue } from '../frontends/slice-queue.ts';
import type { Logger } from '../logger.ts';
import type { ListenAddress } from '../server/server-config.ts';
import { metricsContentType } from './exposition.ts';

/** A scrape is a request of a few hundred bytes; larger or slower ones are refused. */
const maxHeaderBytes = 16 * 1024;
const requestTimeoutMs = 10_000;
/** A scraper that takes nothing for so long is disconnected; Prometheus itself gives up after ten seconds. */
const stallTimeoutMs = 30_000;

const plain = 'text/plain; charset=utf-8';

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const refused = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Refusal => ({
  status,
  headers: { 'Content-Type': plain, 'Content-Length': String(Buffer.byteLength(body)), ...headers },
  body,
});

/** Null for a request that is answered with the metrics. */
export function scrapeRefusal(method: string, target: string): Refusal | null {
  if (!/^\/metrics\/?$/.test(pathOf(target))) return refused(404, 'not found: metrics are at /metrics\n');
  if (method === 'GET' || method === 'HEAD') return null;
  return refused(405, 'method not allowed: metrics are read with GET\n', { Allow: 'GET, HEAD' });
}

/** Where a page is written to: a `ServerResponse`, as far as a page needs it. */
export interface PageOutput {
  readonly destroyed: boolean;
  /** False when the scraper has to take something first: then `drain` or `close` follows. */
  write(text: string): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Resolves when the scraper has taken enough, or has left. */
function taken(output: PageOutput): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      output.off('drain', done);
      output.off('close', done);
      resolve();
    };
    output.once('drain', done);
    output.once('close', done);
  });
}

/** Writes the pieces of a page until it ends or the scraper leaves. Rejects if a piece cannot be made. */
export async function writePage(pieces: Iterator<string>, output: PageOutput, slices: SliceQueue): Promise<void> {
  // A scraper may have left before its first piece: nothing is made for it, and no `drain` would ever come.
  while (!output.destroyed) {
    const piece = slices.timed('the page of metrics', () => pieces.next());
    if (piece.done) return;
    if (!output.write(piece.value)) await taken(output);
    await slices.turn();
  }
  pieces.return?.();
}

export class MetricsFrontend implements Frontend {
  readonly name = 'metrics';
  readonly #listen: ListenAddress;
  readonly #pieces: () => Iterator<string>;
  readonly #slices: SliceQueue;
  readonly #logger: Logger;
  readonly #stallTimeoutMs: number;

  /**
   * @param pieces Begins a page; each piece is made when it is asked for, with bounded work.
   * @param slices Of the thread, shared with its other frontends.
   */
  constructor(
    listen: ListenAddress,
    pieces: () => Iterator<string>,
    slices: SliceQueue,
    logger: Logger,
    limitMs = stallTimeoutMs,
  ) {
    this.#listen = listen;
    this.#pieces = pieces;
    this.#slices = slices;
    this.#logger = logger;
    this.#stallTimeoutMs = limitMs;
  }

  async start(): Promise<Listening> {
    const server = createServer(
      { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs },
      (request, response) => void this.#answer(request, response, server),
    );
    server.setTimeout(this.#stallTimeoutMs);
    const address = await listenAt('metrics', server, this.#listen, null);
    server.on('error', (error) => this.#logger.error({ error }, 'the metrics port failed'));
    return listening(server, address);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, server: Server): Promise<void> {
    request.resume();
    const refusal = scrapeRefusal(request.method ?? '', request.url ?? '');
    if (refusal !== null) {
      answer(server, response, refusal);
      return;
    }
    try {
      await this.#slices.turn();
      closeIfDraining(server, response);
      // The head leaves with the first piece, so that a failure there is answered with its status.
      response.setHeader('Content-Type', metricsContentType);
      if (request.method !== 'HEAD') await writePage(this.#pieces(), response, this.#slices);
      // A drain that began meanwhile waits for this connection.
      response.end(() => {
        if (!server.listening) server.closeIdleConnections();
      });
    } catch (error) {
      this.#logger.error({ error }, 'the metrics could not be collected');
      // The missing end of a page that has begun tells the scraper that it is incomplete.
      if (response.headersSent) response.destroy();
      else answer(server, response, refused(500, 'the metrics could not be collected; the reason is in the log\n'));
    }
  }
}

/** An open connection would delay the drain. */
function closeIfDraining(server: Server, response: ServerResponse): void {
  if (!server.listening) response.setHeader('Connection', 'close');
}

function answer(server: Server, response: ServerResponse, { status, headers, body }: Refusal): void {
  closeIfDraining(server, response);
  response.writeHead(status, headers).end(body);
}

function listening(server: Server, address: TakenAddress): Listening {
  return {
    ...address,
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
