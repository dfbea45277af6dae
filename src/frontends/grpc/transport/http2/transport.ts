/**
 * The transport on our own HTTP/2: gRPC's framing, statuses and deadlines over src/http2. Between the socket and a
 * method there is one object per call.
 */

import { createServer, type Server as NetServer } from 'node:net';
import type { HeaderField } from '../../../../http2/header-field.ts';
import type { Http2Limits } from '../../../../http2/limits.ts';
import { Http2Server } from '../../../../http2/server.ts';
import type { Http2Stream } from '../../../../http2/stream.ts';
import type { SocketCalls } from '../../../../sockets/socket-calls.ts';
import { adoptedSocket } from '../../../../sockets/descriptor.ts';
import type { Logger } from '../../../../logger.ts';
import type { GrpcConfig } from '../../../../server/server-config.ts';
import type { Clock } from '../../../../time.ts';
import type { ConnectionPlacement, Listening } from '../../../frontend.ts';
import { errorStatus } from '../../../error-status.ts';
import { listenAt } from '../../../listen.ts';
import { CallHead, timeoutMs } from './call-head.ts';
import { Http2Call, type Http2CallSurroundings } from './call.ts';
import { Http2StreamCall } from './stream-call.ts';
import { Http2UnaryCall } from './unary-call.ts';
import { type MessageMemory, MessagePool } from '../../../message-pool.ts';
import { NotGrpc } from './not-grpc.ts';
import { OpenCalls } from '../open-calls.ts';
import { statusCode } from '../status.ts';
import { trailersOnly } from './status-fields.ts';
import type { GrpcMethod, GrpcStatus, GrpcTransport } from '../transport.ts';

/** After all answers were sent, clients have this long to close their connections. */
const closeGraceMs = 1000;

/** How late a passed deadline may be noticed. The caller enforces it by its own clock. */
const deadlineStepMs = 50;

interface Http2TransportDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The memory for messages; absent means a pool of its own. */
  readonly memory?: MessageMemory | undefined;
  /** Decides who serves accepted connections; absent means this transport. */
  readonly placement?: ConnectionPlacement | undefined;
  /** Absent: only Node's own calls are used. */
  readonly socketCalls?: SocketCalls | undefined;
}

export const createHttp2Transport = ({
  memory,
  placement,
  socketCalls,
  ...dependencies
}: Http2TransportDependencies): GrpcTransport => ({
  async start(methods, config, socket) {
    const router = new CallRouter(methods, {
      ...dependencies,
      config,
      calls: new OpenCalls(),
      pool: memory ?? new MessagePool(dependencies.clock),
    });
    const server = new Http2Server(router, dependencies.clock, limitsOf(config), {
      ended: () => placement?.ended(),
      socketCalls: socketCalls ?? null,
      openAccount: () => router.surroundings.pool.budget.openConnection(),
      isMemoryShort: () => router.surroundings.pool.budget.isShort,
    });
    router.server = server;
    const listener = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
      if (placement === undefined || placement.accepted(accepted)) server.accept(accepted);
    });
    const { address, port } = await listenAt('grpc', listener, config.listen, socket);
    return new Http2Listening(address, port, listener, server, router.surroundings);
  },
});

const limitsOf = (config: GrpcConfig): Partial<Http2Limits> => ({
  keepaliveTimeMs: config.keepaliveTimeMs,
  keepaliveTimeoutMs: config.keepaliveTimeoutMs,
  ...(config.maxConnectionAgeMs > 0 && { maxConnectionAgeMs: config.maxConnectionAgeMs }),
  ...(config.maxConnectionAgeGraceMs > 0 && { maxConnectionAgeGraceMs: config.maxConnectionAgeGraceMs }),
});

/** Finds the method of each request and gives it a call. */
class CallRouter {
  readonly surroundings: Http2CallSurroundings;
  server: Http2Server | null = null;
  readonly #methods: ReadonlyMap<string, GrpcMethod>;
  readonly #head = new CallHead();
  #isWatching = false;

  constructor(methods: readonly GrpcMethod[], surroundings: Http2CallSurroundings) {
    this.#methods = new Map(methods.map((method) => [method.path, method]));
    this.surroundings = surroundings;
  }

  onRequest(stream: Http2Stream, fields: readonly HeaderField[]): void {
    const head = this.#head;
    head.read(fields);
    if (head.method !== 'POST' || !head.isGrpc) {
      stream.receiver = new NotGrpc(stream, head);
      return;
    }
    const method = this.#methods.get(head.path);
    if (method === undefined) {
      refuse(stream, statusCode.unimplemented, `The server does not implement the method ${head.path}`);
      return;
    }
    const timeout = head.timeout === '' ? Infinity : timeoutMs(head.timeout);
    if (Number.isNaN(timeout)) {
      refuse(stream, statusCode.internal, `Invalid grpc-timeout value "${head.timeout}"`);
      return;
    }
    // A stream may stay open without a message, so its fields are reserved by themselves.
    const { budget } = this.surroundings.pool;
    if (!budget.reserveMessage(head.bytes)) {
      const { code, message } = budget.exhausted(head.bytes);
      refuse(stream, errorStatus[code].grpc, message);
      return;
    }
    if (timeout !== Infinity) this.#watchDeadlines();
    if (method.kind === 'unary') {
      stream.receiver = new Http2UnaryCall(stream, method, fields, head, timeout, this.surroundings);
      return;
    }
    const call = new Http2StreamCall(stream, method, fields, head, timeout, this.surroundings);
    stream.receiver = call;
    call.open();
  }

  onUnexpected(error: unknown): void {
    this.surroundings.logger.error({ error }, 'a gRPC connection was ended by an unexpected failure');
  }

  /** Checks all open calls regularly, which is cheaper than a timer for each. */
  #watchDeadlines(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { clock } = this.surroundings;
    clock.schedule(clock.now() + deadlineStepMs, this.#checkDeadlines);
  }

  readonly #checkDeadlines = (): void => {
    this.#isWatching = false;
    const nowMs = this.surroundings.clock.now();
    let hasDeadlines = false;
    for (const connection of this.server?.connections() ?? []) {
      for (const { receiver } of connection.streams.all()) {
        if (!(receiver instanceof Http2Call) || receiver.deadlineMs === Infinity) continue;
        hasDeadlines = true;
        receiver.checkDeadline(nowMs);
      }
    }
    if (hasDeadlines) this.#watchDeadlines();
  };
}

const refuse = (stream: Http2Stream, code: GrpcStatus['code'], message: string): void =>
  stream.sendHeaders(trailersOnly({ code, message }), true);

class Http2Listening implements Listening {
  readonly address: string;
  readonly port: number;
  readonly #listener: NetServer;
  readonly #server: Http2Server;
  readonly #surroundings: Http2CallSurroundings;
  #drained: Promise<void> | null = null;

  constructor(
    address: string,
    port: number,
    listener: NetServer,
    server: Http2Server,
    surroundings: Http2CallSurroundings,
  ) {
    this.address = address;
    this.port = port;
    this.#listener = listener;
    this.#server = server;
    this.#surroundings = surroundings;
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  adopt(fd: number): void {
    this.#server.accept(adoptedSocket(fd, false));
  }

  close(): void {
    this.#listener.close();
    this.#server.destroy();
  }

  /** New calls on open connections get the error of their methods; only then connections are closed. */
  async #drain(): Promise<void> {
    const { calls, clock } = this.#surroundings;
    this.#listener.close();
    await calls.drain();
    let stopWaiting: () => void = () => undefined;
    const grace = new Promise<void>((resolve) => {
      stopWaiting = clock.schedule(clock.now() + closeGraceMs, resolve);
    });
    await Promise.race([this.#server.leave(), grace]);
    stopWaiting();
    this.close();
  }
}
