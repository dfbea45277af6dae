/**
 * The names of fields that gRPC and HTTP clients send, each as one string object: code that compares names of decoded
 * fields then compares pointers. Fixed, so that no client can make it grow.
 */

import { lastStaticIndex, staticTable } from './static-table.ts';

const otherNames: readonly string[] = [
  'te grpc-timeout grpc-encoding grpc-accept-encoding grpc-message-type grpc-status grpc-message grpc-trace-bin',
  'grpc-tags-bin grpc-previous-rpc-attempts grpc-retry-pushback-ms traceparent tracestate baggage x-request-id',
  'x-forwarded-for x-forwarded-proto x-forwarded-host forwarded origin dnt priority connection keep-alive upgrade',
  'proxy-connection trailer :protocol',
].flatMap((names) => names.split(' '));

const knownNames = new Map<string, string>();
for (let index = 1; index <= lastStaticIndex; index++) {
  const { name } = staticTable[index]!;
  knownNames.set(name, name);
}
for (const name of otherNames) knownNames.set(name, name);

/** The known name that equals `name`, else `name` itself. */
export function internedName(name: string): string {
  return knownNames.get(name) ?? name;
}
