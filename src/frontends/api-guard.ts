/**
 * Restricts APIs to callers with a key (`--http-restricted-api`, `--grpc-restricted-protocol`). A frontend asks its
 * guard before a handler sees the request; without restrictions there is no guard.
 */

import { timingSafeEqual } from 'node:crypto';
import type { ApiRestriction, RestrictableApi } from '../server/server-config.ts';

export interface ApiGuard {
  /**
   * The header that the caller would have needed; null where the call may go on.
   *
   * @param api    What is called; null is never restricted.
   * @param header The caller's value of a header by its lower-case name.
   */
  missingHeader(api: RestrictableApi | null, header: (name: string) => string | null | undefined): string | null;
}

/** Null where nothing is restricted. */
export function createApiGuard(restrictions: readonly ApiRestriction[]): ApiGuard | null {
  if (restrictions.length === 0) return null;
  const byApi = new Map<RestrictableApi, ApiRestriction>();
  for (const restriction of restrictions) for (const api of restriction.apis) byApi.set(api, restriction);
  return {
    missingHeader(api, header) {
      const restriction = api === null ? undefined : byApi.get(api);
      if (restriction === undefined) return null;
      const given = header(restriction.header);
      return typeof given === 'string' && isSame(given, restriction.value) ? null : restriction.header;
    },
  };
}

/** How long it takes tells nothing of the key but its length. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
