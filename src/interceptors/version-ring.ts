/**
 * The version's ring: the interceptors around the admitted requests of one model version. Each version that is loaded
 * gets its own, so an interceptor's state ends with its version. Each interceptor is one line here.
 */

import type { Logger } from '../logger.ts';
import type { VersionInterceptor } from '../scheduling/version-interceptor.ts';
import type { RequestLogConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { slowRequestLog } from './slow-request-log/slow-request-log.ts';

interface VersionRingTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The first is the outermost. */
export const versionRing = (settings: RequestLogConfig, tools: VersionRingTools): readonly VersionInterceptor[] =>
  [slowRequestLog(settings.slowRequestMs, tools)].filter((interceptor) => interceptor !== null);
