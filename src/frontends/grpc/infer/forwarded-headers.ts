/** Call metadata that the server is configured to pass on as custom parameters (`--grpc-header-forward-pattern`). */

import type { CallContext } from '../transport/transport.ts';

export type ForwardedHeader = readonly [key: string, value: string];

/** The metadata whose keys match the pattern; null when there is none, or no pattern. */
export function selectHeaders(call: CallContext, pattern: RegExp | null): readonly ForwardedHeader[] | null {
  if (pattern === null) return null;
  const selected: ForwardedHeader[] = [];
  for (const entry of call.metadataEntries()) if (entry[0].search(pattern) >= 0) selected.push(entry);
  return selected.length === 0 ? null : selected;
}
