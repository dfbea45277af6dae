/** The dependencies of every handler of this frontend. */

import { toInferenceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { HttpConfig } from '../../server/server-config.ts';
import type { Clock } from '../../time.ts';
import type { MessageMemory } from '../message-pool.ts';
import type { SliceQueue } from '../slice-queue.ts';
import type { ArrivalOrder } from './control/arrival-order.ts';
import type { Exchange } from './exchange.ts';

export interface HttpContext {
  readonly server: InferenceServer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: HttpConfig;
  /** For work that takes longer than a turn of the event loop should. */
  readonly slices: SliceQueue;
  /** The memory for the bodies of requests. */
  readonly memory: MessageMemory;
  /** The order of the load and unload calls. */
  readonly modelCalls: ArrivalOrder;
  /** Whether the process has been told to end; health answers 503 from then on. */
  readonly isExiting: () => boolean;
}

/**
 * Answers with the error. Unexpected errors, which have a cause, are logged here; requests that the model failed are
 * logged by the scheduler, with model and request id.
 */
export function answerFailure(context: HttpContext, exchange: Exchange, thrown: unknown): void {
  const error = toInferenceError(thrown);
  if (error.code === 'internal' && error.cause !== undefined) {
    const { method, target } = exchange.request.head;
    context.logger.error({ err: error.cause, method, url: target.slice(0, 200) }, error.message);
  }
  exchange.answerError(error);
}
