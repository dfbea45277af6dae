/** The error of HPACK (RFC 7541). */

/**
 * A header block that cannot be decoded. The tables of both sides differ from now on, so the connection must end with
 * COMPRESSION_ERROR (RFC 9113 4.3). The message is one sentence and holds none of the block's content.
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}
