/**
 * The version's ring: what wraps the admitted requests of one model version. Made anew for each version that is loaded, so
 * what an interceptor keeps goes with it. One line makes an interceptor part of it.
 */

import type { Logger } from '../logger.ts';
import type { VersionInterceptor } from '../scheduling/version-interceptor.ts';
import type { RequestLogConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { slowRequestLog } from './slow-request-log/slow-request-log.ts';

export interface VersionRingTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The first is the outermost. */
export const versionRing = (settings: RequestLogConfig, tools: VersionRingTools): readonly VersionInterceptor[] =>
  [slowRequestLog(settings.slowRequestMs, tools)].filter((interceptor) => interceptor !== null);
