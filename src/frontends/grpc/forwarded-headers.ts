/** Call metadata that the server is configured to pass on as custom parameters (`--grpc-header-forward-pattern`). */

import { RequestParameters } from '../v2/parameters.ts';
import { grpcDialect } from './request-parameters.ts';
import type { CallContext } from './transport.ts';

type Header = readonly [key: string, value: string];

/** The metadata that the pattern finds anywhere in its key; null when there is none, or no pattern. */
export function selectHeaders(call: CallContext, pattern: RegExp | null): readonly Header[] | null {
  if (pattern === null) return null;
  const selected: Header[] = [];
  for (const entry of call.metadataEntries()) if (entry[0].search(pattern) >= 0) selected.push(entry);
  return selected.length === 0 ? null : selected;
}

/**
 * A new collection of parameters with the headers in it, for one request.
 *
 * @throws InferenceError `invalid_argument` where a header has a reserved name.
 */
export function parametersWith(headers: readonly Header[] | null): RequestParameters | null {
  if (headers === null) return null;
  const parameters = new RequestParameters(grpcDialect);
  for (const [key, value] of headers) parameters.forwardHeader(key, value);
  return parameters;
}
