/**
 * Finds the handler of a request by asking the dialects in order, and does the work that is the same for all of them.
 */

import type { ApiGuard } from '../api-guard.ts';
import type { HttpRouter } from './dialect.ts';
import type { Exchange } from './exchange.ts';
import { answerFailure, type HttpContext } from './http-context.ts';
import { jsonHeaders, errorText } from './transport/transport.ts';
import type { Reply } from './reply.ts';

const notFoundReply: Reply = { status: 404, json: '{"error":"Not Found"}' };

export class Dispatcher {
  readonly #context: HttpContext;
  readonly #routers: readonly HttpRouter[];
  /** Null when nothing is restricted. */
  readonly #guard: ApiGuard | null;

  constructor(context: HttpContext, routers: readonly HttpRouter[], guard: ApiGuard | null) {
    this.#context = context;
    this.#routers = routers;
    this.#guard = guard;
  }

  /** Answers the exchange, now or later, for any request. */
  dispatch(exchange: Exchange): void {
    try {
      this.#dispatch(exchange);
    } catch (error) {
      answerFailure(this.#context, exchange, error);
    }
  }

  #dispatch(exchange: Exchange): void {
    const { head } = exchange.request;
    const method = head.method === 'HEAD' ? 'GET' : head.method;
    for (const router of this.#routers) {
      const handler = router.route(method, head.target);
      if (handler === null) continue;
      const guard = this.#guard;
      const missing = guard === null ? null : guard.missingHeader(handler.api, (name) => head.header(name));
      if (missing === null) handler.handle(exchange);
      else exchange.answerText(403, jsonHeaders, errorText(`This API is restricted, expecting header '${missing}'`));
      return;
    }
    exchange.answer(notFoundReply);
  }
}
