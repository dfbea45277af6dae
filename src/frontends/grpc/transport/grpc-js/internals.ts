/**
 * Where grpc-js has to be reached into, because its public API keeps what a server needs: which encoding a caller named
 * (grpc-js inflates without a bound on the ratio, and takes a compressed message without a named encoding for a plain
 * one), which encodings it accepts (grpc-js does not compress), and the HTTP/2 server that it made.
 * Everything is looked at before it is believed: were a field gone, the server would work as grpc-js does by itself.
 * Tests fail then.
 */

import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** Bytes of the frame in front of a message: the compressed flag and the length. */
const prefixBytes = 5;

/** Longest timer of Node. */
export const maxTimerMs = 2 ** 31 - 1;

const acceptedEncodings = new WeakMap<object, string>();

/**
 * Makes grpc-js hand over the messages of a call as they came, and returns the encoding that the caller named
 * (`identity` when none). Null when the call has no such field.
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

/** Milliseconds per unit of `grpc-timeout`; the smaller units cannot say long times. */
const longUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1 };

/**
 * Takes away deadlines further off than a timer of Node reaches (24 days): grpc-js would wrap them around to a time that
 * has passed.
 */
export function dropEndlessTimeouts(server: Http2Server): void {
  server.prependListener('stream', (_stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const timeout = headers['grpc-timeout'];
    if (typeof timeout !== 'string') return;
    const unitMs = longUnits[timeout.slice(-1)] ?? 0;
    if (Number(timeout.slice(0, -1)) * unitMs > maxTimerMs) delete headers['grpc-timeout'];
  });
}

/** Notes from now on which encodings callers accept. Costs a look-up per call, so only with response compression on. */
export function noteAcceptedEncodings(server: Http2Server): void {
  server.prependListener('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const accepted = headers['grpc-accept-encoding'];
    if (typeof accepted === 'string') acceptedEncodings.set(stream, accepted);
  });
}

/** What the caller accepts, as its header says; '' when it says nothing. */
export function acceptedEncodingsOf(call: ServerInterceptingCallInterface): string {
  const { stream } = call as unknown as { stream?: object };
  return stream === undefined ? '' : (acceptedEncodings.get(stream) ?? '');
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
