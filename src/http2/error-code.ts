/** HTTP/2's error codes (RFC 9113, section 7) and the error that ends a connection. */

import { HpackError } from './hpack/hpack-error.ts';

export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

/** An error of the peer that ends the connection. `message` is the debug text of GOAWAY. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

export const protocolError = (message: string): ConnectionError =>
  new ConnectionError(errorCode.protocolError, message);

export const frameSizeError = (message: string): ConnectionError =>
  new ConnectionError(errorCode.frameSizeError, message);

/** The error for a peer that causes too much work. */
export const calmDown = (message: string): ConnectionError => new ConnectionError(errorCode.enhanceYourCalm, message);

/** The connection error for an exception; null for an unexpected one, which is a bug. */
export function connectionErrorOf(thrown: unknown): ConnectionError | null {
  if (thrown instanceof ConnectionError) return thrown;
  return thrown instanceof HpackError ? new ConnectionError(errorCode.compressionError, thrown.message) : null;
}
