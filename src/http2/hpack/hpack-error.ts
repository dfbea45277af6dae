/** The one error of HPACK (RFC 7541), and nothing of what a connection does about it. */

/**
 * A header block that cannot be decoded. Both sides' tables have parted for good, so the connection must end with
 * COMPRESSION_ERROR (RFC 9113 4.3). The message is one sentence and holds none of the block's content.
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}
