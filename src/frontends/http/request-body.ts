/**
 * Collects the body of a request. One chunk that is the whole body is used as it is; a larger one goes into one buffer of
 * its announced length; without a length the buffer doubles. What is too large is not kept, but read to its end – up to
 * `discardLimit` – so that the client is in a state to read the refusal.
 */

import type { IncomingMessage } from 'node:http';

/** Bodies announced longer than this get their memory as they arrive, so that an announcement alone costs nothing. */
const reservedBytes = 64 * 1024 * 1024;
const firstChunkedBytes = 64 * 1024;

/** No body of a request may be larger than this whatever it is made of (Triton's own bound is memory). */
export const maxBodyBytes = 2 ** 31 - 1;

/**
 * What came of it: the body; or null when it passed the limit.
 *
 * `receivedBytes` is the announced length where there is one. `isComplete` is false when the rest will not be read and the
 * connection has to be closed after the answer.
 */
export type BodyListener = (body: Buffer | null, receivedBytes: number, isComplete: boolean) => void;

const empty: Buffer = Buffer.alloc(0);

/** Calls `listener` once, unless the connection breaks before the body is complete. */
export function receiveBody(request: IncomingMessage, limitBytes: number, listener: BodyListener): void {
  const announced = request.headers['content-length'];
  if (announced !== undefined) receiveAnnounced(request, Number(announced), limitBytes, listener);
  else if (request.headers['transfer-encoding'] !== undefined) receiveChunked(request, limitBytes, listener);
  else listener(empty, 0, true);
}

const discardLimit = (limitBytes: number): number => Math.max(limitBytes, maxBodyBytes);

function receiveAnnounced(request: IncomingMessage, length: number, limitBytes: number, listener: BodyListener): void {
  if (length === 0) {
    listener(empty, 0, true);
    return;
  }
  if (length > discardLimit(limitBytes)) {
    listener(null, length, false);
    return;
  }
  const isKept = length <= limitBytes;
  let body: Buffer | null = null;
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    const at = received;
    received += chunk.length;
    if (isKept) {
      if (at === 0) body = received === length ? chunk : Buffer.allocUnsafeSlow(Math.min(length, reservedBytes));
      if (body !== null && body !== chunk) body = appended(body, at, chunk, length);
    }
    // The last byte is here: waiting for the `end` event would cost another turn.
    if (received === length) listener(body, length, true);
  });
}

function receiveChunked(request: IncomingMessage, limitBytes: number, listener: BodyListener): void {
  let body = empty;
  let received = 0;
  let isOver = false;
  const onEnd = (): void => {
    listener(isOver ? null : body.subarray(0, received), received, true);
  };
  const onData = (chunk: Buffer): void => {
    const at = received;
    received += chunk.length;
    if (received > discardLimit(limitBytes)) {
      request.off('data', onData);
      request.off('end', onEnd);
      listener(null, received, false);
    } else if (received > limitBytes) {
      isOver = true;
      body = empty;
    } else {
      if (at === 0) body = Buffer.allocUnsafeSlow(Math.min(firstChunkedBytes, limitBytes));
      body = appended(body, at, chunk, limitBytes);
    }
  };
  request.on('data', onData);
  request.on('end', onEnd);
}

/** Puts `chunk` at `at`, in a buffer of twice the size (up to `limit`) when it does not fit; returns the buffer. */
function appended(body: Buffer, at: number, chunk: Buffer, limit: number): Buffer {
  let target = body;
  if (at + chunk.length > body.length) {
    target = Buffer.allocUnsafeSlow(Math.min(Math.max(body.length * 2, at + chunk.length), limit));
    body.copy(target, 0, 0, at);
  }
  chunk.copy(target, at);
  return target;
}
