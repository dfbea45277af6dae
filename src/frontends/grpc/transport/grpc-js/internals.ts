/**
 * Uses internals of grpc-js, because its public API lacks what a server needs: which encoding a caller named
 * (grpc-js inflates without a bound on the ratio, and treats a compressed message without a named encoding as a plain
 * one), which encodings it accepts (grpc-js does not compress), the HTTP/2 server that it made, and the stream of a call, which
 * tells whether its answer was sent.
 * Each internal is checked before it is used: if one is missing, the server works as grpc-js does by default, and tests
 * fail.
 */

import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** Bytes of the frame in front of a message: the compressed flag and the length. */
const prefixBytes = 5;

/** Longest timer of Node. */
export const maxTimerMs = 2 ** 31 - 1;

const acceptedEncodings = new WeakMap<object, string>();

/**
 * Makes grpc-js hand over the messages of a call undecoded, and returns the encoding that the caller named
 * (`identity` for none). Null when the call has no such field.
 */
export function takeEncoding(call: ServerInterceptingCallInterface): string | null {
  const internals = call as unknown as { incomingEncoding?: unknown };
  const encoding = internals.incomingEncoding;
  if (typeof encoding !== 'string') return null;
  internals.incomingEncoding = 'identity';
  return encoding;
}

/** The flag in front of a message whose encoding was taken: such a message is a view into its frame. */
export function compressedFlag(message: Buffer): number {
  if (message.byteOffset < prefixBytes) return 0;
  return new Uint8Array(message.buffer, message.byteOffset - prefixBytes, 1)[0] as number;
}

/** Milliseconds per unit of `grpc-timeout`; the smaller units cannot express long times. */
const longUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1 };

/**
 * Removes deadlines beyond the longest timer of Node (24 days), which grpc-js would wrap around to a time in the past.
 */
export function dropEndlessTimeouts(server: Http2Server): void {
  server.prependListener('stream', (_stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const timeout = headers['grpc-timeout'];
    if (typeof timeout !== 'string') return;
    const unitMs = longUnits[timeout.slice(-1)] ?? 0;
    if (Number(timeout.slice(0, -1)) * unitMs > maxTimerMs) delete headers['grpc-timeout'];
  });
}

/**
 * Records from now on which encodings callers accept. Costs a look-up per call, so only with response compression on.
 */
export function noteAcceptedEncodings(server: Http2Server): void {
  server.prependListener('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const accepted = headers['grpc-accept-encoding'];
    if (typeof accepted === 'string') acceptedEncodings.set(stream, accepted);
  });
}

/** The encodings that the caller accepts, from its header; '' without one. */
export function acceptedEncodingsOf(call: ServerInterceptingCallInterface): string {
  const stream = streamOf(call);
  return stream === null ? '' : (acceptedEncodings.get(stream) ?? '');
}

/** The stream of the call; null when grpc-js does not show it. */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | null {
  const { stream } = call as unknown as { stream?: unknown };
  return typeof stream === 'object' ? (stream as ServerHttp2Stream | null) : null;
}

/** The HTTP/2 servers that grpc-js has made so far. */
export function http2ServersOf(server: Server): readonly Http2Server[] {
  const { http2Servers } = server as unknown as { http2Servers?: unknown };
  return http2Servers instanceof Map ? ([...http2Servers.keys()] as Http2Server[]) : [];
}

/**
 * Opens the receive windows of each connection: with HTTP/2's 64 KiB a tensor of 600 KB waits for ten round trips.
 */
export function openWindows(server: Http2Server, streamBytes: number, connectionBytes: number): void {
  server.prependListener('session', (session: ServerHttp2Session) => {
    session.settings({ initialWindowSize: streamBytes });
    session.setLocalWindowSize(connectionBytes);
  });
}
