/**
 * A dialect of HTTP is a set of paths and their handlers. A frontend has a list of dialects and asks them in order.
 * `dispatch.ts` does the work that is the same for all: HEAD, restricted APIs, refusals, failures.
 */

import type { RestrictableApi } from '../../server/server-config.ts';
import type { Exchange } from './exchange.ts';
import type { HttpContext } from './http-context.ts';

export interface HttpHandler {
  /** The API by whose name this can be restricted; null is never restricted. */
  readonly api: RestrictableApi | null;
  /**
   * Answers, now or later. An exception becomes the answer.
   *
   * @throws InferenceError
   */
  handle(exchange: Exchange): void;
}

export interface HttpRouter {
  /**
   * The handler of a request; null when the path is not of this dialect. A path with a wrong method has a handler too:
   * one that refuses.
   *
   * @param method As sent, but GET for HEAD: the handler of GET also answers HEAD, and the transport omits the body.
   * @param target As sent: path and query, or the absolute form.
   * @throws InferenceError for a path of this dialect that is malformed.
   */
  route(method: string, target: string): HttpHandler | null;
}

export interface HttpDialect {
  readonly name: string;
  /** Called once for each frontend. */
  open(context: HttpContext): HttpRouter;
}

/** Refuses a method with 405. @param allowed As in the header `Allow`. */
export const methodRefusal = (api: RestrictableApi | null, allowed: string): HttpHandler => ({
  api,
  handle(exchange) {
    const json = JSON.stringify({ error: `Method Not Allowed: expected ${allowed}` });
    exchange.answer({ status: 405, json }, ['Allow', allowed]);
  },
});
