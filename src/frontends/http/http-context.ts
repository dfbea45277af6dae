/** What every handler of this frontend is given. */

import { toInferenceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { HttpConfig } from '../../server/server-config.ts';
import type { Clock } from '../../time.ts';
import type { MessageMemory } from '../message-pool.ts';
import type { Exchange } from './exchange.ts';

export interface HttpContext {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: HttpConfig;
  /** Where the bodies of requests lie. */
  readonly memory: MessageMemory;
  /** Whether the process has been told to end; health answers 503 from then on. */
  readonly isExiting: () => boolean;
}

/** Answers with the error; what is the server's own fault is logged too. */
export function answerFailure(context: HttpContext, exchange: Exchange, thrown: unknown): void {
  const error = toInferenceError(thrown);
  if (error.code === 'internal') {
    const { method, target } = exchange.request.head;
    context.logger.error({ err: error.cause ?? error, method, url: target.slice(0, 200) }, error.message);
  }
  exchange.answerError(error);
}
