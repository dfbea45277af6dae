/**
 * Restricts APIs to callers with a key (`--http-restricted-api`, `--grpc-restricted-protocol`). A frontend asks its
 * guard before a handler sees the request; without restrictions there is no guard.
 */

import { timingSafeEqual } from 'node:crypto';
import type { ApiRestriction, RestrictableApi } from '../server/server-config.ts';

export interface ApiGuard {
  /**
   * The header that the caller lacks; null when the call is allowed.
   *
   * @param api    The API of the call; null is never restricted.
   * @param header The caller's value of a header by its lower-case name.
   */
  missingHeader(api: RestrictableApi | null, header: (name: string) => string | null | undefined): string | null;
}

/** Null when nothing is restricted. */
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

/** Its time reveals only the length of the key. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
