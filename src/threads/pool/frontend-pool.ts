/**
 * The frontend threads of a server: starts them, replaces one that failed, drains and ends them.
 * Each has a link to the server of this thread. One thread that fails loses its connections; the others go on.
 */

import { Worker } from 'node:worker_threads';
import type { TurnCounts } from '../../event-loop/turn-counts.ts';
import type { MemoryBudget } from '../../inference/memory-budget.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { GrpcConfig, HttpConfig, RequestLogConfig } from '../../server/server-config.ts';
import { type Clock, clockOriginMs } from '../../time.ts';
import { ConnectionCounts } from './connection-balance.ts';
import { LentSocket } from './lent-socket.ts';
import { makeLinkEnds } from '../link/ends.ts';
import { LinkHost } from '../link/host.ts';
import { LinkTurn } from '../link/link-turn.ts';
import type { NativeThreads } from '../native-threads.ts';
import type { SharedPort } from './shared-sockets.ts';
import type { FrontendName, FrontendThreadSettings, ThreadOrder, ThreadReport } from './thread-messages.ts';

/** The pause before a failed thread is replaced: doubled each time, until a thread has run for the longest pause. */
const shortestPauseMs = 100;
const longestPauseMs = 10_000;

export interface FrontendPoolOptions {
  readonly threadCount: number;
  readonly server: InferenceServer;
  readonly native: NativeThreads;
  /** Has an account for this thread and one for each thread of the pool. */
  readonly budget: MemoryBudget;
  /** Has a row for this thread and one for each thread of the pool. */
  readonly turns: TurnCounts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Null for a frontend that is off. */
  readonly httpPort: SharedPort | null;
  readonly grpcPort: SharedPort | null;
  readonly http: HttpConfig;
  readonly grpc: GrpcConfig;
  readonly requestLog: RequestLogConfig;
  /** The script of the threads; `frontend-thread.js` except in tests. */
  readonly entry?: URL;
}

type Sockets = Pick<FrontendThreadSettings, 'httpFd' | 'grpcFd'>;

/** One place in the pool and the thread that has it now. */
interface Place {
  readonly index: number;
  worker: Worker | null;
  host: LinkHost | null;
  startedAtMs: number;
  pauseMs: number;
  cancelRestart: (() => void) | null;
  /** Connections that are being handed over to the thread, by number of the order. */
  readonly onTheWay: Map<number, LentSocket>;
  /** Set while the pool waits for it to drain. */
  whenDrained: (() => void) | null;
}

export class FrontendPool {
  readonly #options: FrontendPoolOptions;
  readonly #places: readonly Place[];
  readonly #connections: Readonly<Record<FrontendName, ConnectionCounts>>;
  readonly #exiting = new SharedArrayBuffer(4);
  readonly #linkTurn = new LinkTurn();
  #orders = 0;
  #isStopping = false;
  #drained: Promise<void> | null = null;

  constructor(options: FrontendPoolOptions) {
    this.#options = options;
    const { threadCount } = options;
    this.#connections = { http: ConnectionCounts.of(threadCount), grpc: ConnectionCounts.of(threadCount) };
    this.#places = Array.from({ length: threadCount }, (_, index) => ({
      index,
      worker: null,
      host: null,
      startedAtMs: 0,
      pauseMs: shortestPauseMs,
      cancelRestart: null,
      onTheWay: new Map(),
      whenDrained: null,
    }));
  }

  /** Threads that run and have not failed. */
  get threadCount(): number {
    return this.#places.filter(({ worker }) => worker !== null).length;
  }

  /** Resolves when all accept connections; rejects with the reason why one cannot. */
  async start(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#start(place)));
  }

  /** No new connections; resolves when every accepted request was answered. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /** Cuts the remaining connections. */
  close(): void {
    this.#stop();
    for (const place of this.#places) {
      place.worker?.terminate();
      this.#lose(place);
    }
  }

  #stop(): void {
    this.#isStopping = true;
    Atomics.store(new Int32Array(this.#exiting), 0, 1);
    this.#options.httpPort?.close();
    this.#options.grpcPort?.close();
    for (const place of this.#places) place.cancelRestart?.();
  }

  async #drain(): Promise<void> {
    this.#stop();
    await Promise.all(
      this.#places.map(
        (place) =>
          new Promise<void>((resolve) => {
            place.whenDrained = resolve;
            if (place.worker === null) resolve();
            else this.#order(place.worker, { kind: 'drain' });
          }),
      ),
    );
  }

  async #start(place: Place): Promise<void> {
    const { server, native, budget, clock, logger, entry } = this.#options;
    const sockets = this.#takeSockets();
    const ends = makeLinkEnds();
    const onBroken = (error: unknown): void => {
      logger.error({ error, thread: place.index }, 'the link to a frontend thread is broken: the thread is ended');
      void worker.terminate();
    };
    const host = new LinkHost(server, ends.scheduling, native, {
      clock,
      logger,
      budget,
      account: place.index + 1,
      turn: this.#linkTurn,
      onBroken,
    });
    const { pages, control } = ends.frontend;
    let isReady = false;
    const lent = [sockets.httpFd, sockets.grpcFd].filter((fd) => fd >= 0).map((fd) => new LentSocket(native, fd));
    let worker: Worker;
    try {
      worker = new Worker(entry ?? new URL('./frontend-thread.js', import.meta.url), {
        name: `nereid-fe-${place.index}`,
        workerData: this.#settings(place.index, sockets, ends.frontend, host.doorbell),
        transferList: [pages, control],
      });
    } catch (error) {
      for (const socket of lent) socket.closeIfLeft();
      host.close();
      throw error;
    }
    place.worker = worker;
    place.host = host;
    place.startedAtMs = clock.now();
    return new Promise((resolve, reject) => {
      worker.on('message', (report: ThreadReport) => {
        if (report.kind === 'ready') {
          isReady = true;
          host.connect(report.doorbell);
          resolve();
        } else this.#note(place, report);
      });
      worker.once('error', (error) => {
        this.#options.logger.error({ error, thread: place.index }, 'a frontend thread failed');
        reject(error);
      });
      worker.once('exit', () => {
        for (const socket of lent) socket.closeIfLeft();
        host.threadEnded();
        if (place.worker !== worker) return;
        this.#lose(place);
        // The caller decides what to do about a thread that never became ready.
        if (!isReady) reject(new Error('a frontend thread ended while it started'));
        else if (!this.#isStopping) this.#restartLater(place);
      });
    });
  }

  #takeSockets(): Sockets {
    const { native, httpPort, grpcPort } = this.#options;
    const httpFd = httpPort === null ? -1 : httpPort.take();
    try {
      return { httpFd, grpcFd: grpcPort === null ? -1 : grpcPort.take() };
    } catch (error) {
      if (httpFd >= 0) native.closeSocket(httpFd);
      throw error;
    }
  }

  #settings(
    index: number,
    sockets: Sockets,
    link: FrontendThreadSettings['link'],
    doorbell: number,
  ): FrontendThreadSettings {
    const { http, grpc, requestLog, budget, turns } = this.#options;
    return {
      index,
      connections: { http: this.#connections.http.memory, grpc: this.#connections.grpc.memory },
      http,
      grpc,
      requestLog,
      ...sockets,
      link,
      doorbell,
      clockOriginMs: clockOriginMs(),
      budget: { shared: budget.shared, limitBytes: budget.limitBytes },
      turns: turns.shared,
      exiting: this.#exiting,
    };
  }

  #note(place: Place, report: ThreadReport): void {
    if (report.kind === 'log') {
      this.#options.logger[report.level]({ ...report.fields, thread: place.index }, report.message);
    } else if (report.kind === 'handOver') {
      this.#handOver(report);
    } else if (report.kind === 'adopted') {
      place.onTheWay.delete(report.id);
    } else if (report.kind === 'drained') {
      place.whenDrained?.();
    }
  }

  /** One thread has accepted a connection for another. */
  #handOver({ frontend, fd, to }: Extract<ThreadReport, { kind: 'handOver' }>): void {
    const place = this.#places[to];
    if (place === undefined || place.worker === null) {
      // The other thread has just failed, as it might have with the connection.
      this.#options.native.closeSocket(fd);
      return;
    }
    const id = ++this.#orders;
    place.onTheWay.set(id, new LentSocket(this.#options.native, fd));
    this.#order(place.worker, { kind: 'adopt', frontend, fd, id });
  }

  #order(worker: Worker, order: ThreadOrder): void {
    worker.postMessage(order);
  }

  #lose(place: Place): void {
    this.#connections.http.close(place.index);
    this.#connections.grpc.close(place.index);
    for (const socket of place.onTheWay.values()) socket.closeIfLeft();
    place.onTheWay.clear();
    this.#options.budget.clear(place.index + 1);
    place.host?.close();
    place.worker = null;
    place.host = null;
    place.whenDrained?.();
  }

  #restartLater(place: Place): void {
    const { clock, logger } = this.#options;
    const livedMs = clock.now() - place.startedAtMs;
    if (livedMs > longestPauseMs) place.pauseMs = shortestPauseMs;
    const { pauseMs } = place;
    place.pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    logger.warn(
      { thread: place.index, pauseMs },
      'a frontend thread ended; its connections are lost, another one follows',
    );
    place.cancelRestart = clock.schedule(clock.now() + pauseMs, () => {
      place.cancelRestart = null;
      void this.#restart(place);
    });
  }

  async #restart(place: Place): Promise<void> {
    try {
      await this.#start(place);
      this.#options.logger.info({ thread: place.index }, 'a frontend thread is back');
    } catch (error) {
      if (this.#isStopping) return;
      this.#options.logger.error({ error, thread: place.index }, 'a frontend thread could not be started again');
      this.#restartLater(place);
    }
  }
}
