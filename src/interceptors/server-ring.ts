/**
 * The server's ring: the interceptors around every inference request, before its model is known. Each interceptor is
 * one line here; one that the settings do not ask for is null and costs nothing. With frontend threads each of them has
 * its own ring, because the caller is known there.
 */

import type { Interceptor } from '../inference/infer.ts';
import type { Logger } from '../logger.ts';
import type { RequestLogConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { accessLog } from './access-log/access-log.ts';

interface ServerRingTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The first is the outermost. */
export const serverRing = (settings: RequestLogConfig, tools: ServerRingTools): readonly Interceptor[] =>
  [accessLog(settings.requests, tools)].filter((interceptor) => interceptor !== null);
