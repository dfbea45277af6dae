/** Calls of the control plane across threads: a method name and plain arguments, answered by plain data or an error. */

import type { MessagePort } from 'node:worker_threads';
import { type ErrorCode, InferenceError, toInferenceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';

type ControlMethod = Exclude<keyof InferenceServer, 'infer'>;

interface ControlCall {
  readonly id: number;
  readonly method: ControlMethod;
  readonly parameters: readonly unknown[];
}

interface ControlAnswer {
  readonly id: number;
  readonly value: unknown;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

type Verb = (...parameters: unknown[]) => Promise<unknown>;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: InferenceError) => void;
}

/**
 * A port hands over all its messages in one turn of the event loop, also those that arrive meanwhile: up to a thousand.
 * Without the two limits below, a flood of queries would keep either thread from all other work for seconds.
 *
 * Queries of one thread that were sent and are not answered, or were answered in this turn.
 */
const maxOpenQueries = 16;

/** Calls of one thread that the scheduling thread begins in one turn. */
const maxCallsPerTurn = 4;

export class ControlCaller {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  /** Starts of queries beyond the limit, from `#nextQuery` on. */
  #queries: (() => void)[] = [];
  #nextQuery = 0;
  #openQueries = 0;
  /** Of the open ones, those that were answered in this turn. */
  #endedQueries = 0;
  #nextId = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', ({ id, value, error }: ControlAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === null) waiting?.resolve(value);
      else waiting?.reject(new InferenceError(error.code, error.message));
      if (this.#waiting.size === 0) port.unref();
    });
    port.unref();
  }

  /** As `method`, for calls that are answered soon and that clients may send in any number. */
  query<Name extends ControlMethod>(method: Name): InferenceServer[Name] {
    const call = this.method(method) as unknown as Verb;
    const query = async (...parameters: unknown[]): Promise<unknown> => {
      if (this.#openQueries < maxOpenQueries) this.#openQueries++;
      else await new Promise<void>((resolve) => this.#queries.push(resolve));
      try {
        return await call(...parameters);
      } finally {
        this.#queryEnded();
      }
    };
    return query as unknown as InferenceServer[Name];
  }

  /** Its place is free in the next turn: the answer to a query that took it now could still come in this one. */
  #queryEnded(): void {
    this.#endedQueries++;
    if (this.#endedQueries === 1) setImmediate(this.#freePlaces);
  }

  readonly #freePlaces = (): void => {
    let places = this.#endedQueries;
    this.#endedQueries = 0;
    for (; places > 0 && this.#nextQuery < this.#queries.length; places--) {
      // The query takes over a place that is counted as open already.
      this.#queries[this.#nextQuery++]?.();
    }
    this.#openQueries -= places;
    if (this.#nextQuery < this.#queries.length && this.#nextQuery <= 1024) return;
    this.#queries = this.#queries.slice(this.#nextQuery);
    this.#nextQuery = 0;
  };

  /** The method of the other thread's server. */
  method<Name extends ControlMethod>(method: Name): InferenceServer[Name] {
    const call = (...parameters: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = this.#nextId++;
        this.#waiting.set(id, { resolve, reject });
        this.#port.ref();
        this.#port.postMessage({ id, method, parameters } satisfies ControlCall);
      });
    return call as InferenceServer[Name];
  }
}

/** Answers calls at the port until the function that it returns is called. */
export function answerControlCalls(port: MessagePort, server: InferenceServer, logger: Logger): () => void {
  // Any failure of a call is its answer.
  const call = async (method: ControlMethod, parameters: readonly unknown[]): Promise<unknown> =>
    await (server[method] as unknown as Verb).apply(server, [...parameters]);
  const begin = ({ id, method, parameters }: ControlCall): void => {
    // A value that cannot be posted fails the call too, instead of leaving it open.
    call(method, parameters)
      .then((value) => port.postMessage({ id, value, error: null } satisfies ControlAnswer))
      .catch((thrown: unknown) => {
        const { code, message, cause } = toInferenceError(thrown);
        // The cause does not leave this thread.
        if (code === 'internal' && cause !== undefined) logger.error({ err: cause, method }, message);
        port.postMessage({ id, value: null, error: { code, message } } satisfies ControlAnswer);
      });
  };
  const turns = new CallTurns(begin);
  const onCall = (call: ControlCall): void => turns.add(call);
  port.on('message', onCall);
  port.unref();
  return () => {
    port.off('message', onCall);
    port.close();
    turns.close();
  };
}

/** Begins calls in the order in which they came, some in each turn of the event loop. */
class CallTurns {
  readonly #begin: (call: ControlCall) => void;
  #waiting: ControlCall[] = [];
  #begunInTurn = 0;
  #nextTurn: NodeJS.Immediate | null = null;

  constructor(begin: (call: ControlCall) => void) {
    this.#begin = begin;
  }

  add(call: ControlCall): void {
    this.#nextTurn ??= setImmediate(this.#turn);
    if (this.#begunInTurn === maxCallsPerTurn || this.#waiting.length > 0) {
      this.#waiting.push(call);
      return;
    }
    this.#begunInTurn++;
    this.#begin(call);
  }

  /** The calls that wait are dropped: nobody hears their answers. */
  close(): void {
    if (this.#nextTurn !== null) clearImmediate(this.#nextTurn);
    this.#waiting = [];
  }

  readonly #turn = (): void => {
    this.#nextTurn = null;
    this.#begunInTurn = 0;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#nextTurn = setImmediate(this.#turn);
    for (const call of waiting.splice(0, maxCallsPerTurn)) {
      this.#begunInTurn++;
      this.#begin(call);
    }
  };
}
