/**
 * The server's ring: what wraps every inference request of a server before its model is known. One line makes an
 * interceptor part of it; one that the settings do not ask for is null and costs nothing. With frontend threads the ring
 * stands in each of them, where the caller is known.
 */

import type { Interceptor } from '../inference/infer.ts';
import type { Logger } from '../logger.ts';
import type { RequestLogConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { accessLog } from './access-log/access-log.ts';

export interface ServerRingTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The first is the outermost. */
export const serverRing = (settings: RequestLogConfig, tools: ServerRingTools): readonly Interceptor[] =>
  [accessLog(settings.requests, tools)].filter((interceptor) => interceptor !== null);
