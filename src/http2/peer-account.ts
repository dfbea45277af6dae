/** The account of a connection, which the owner of the server keeps. */

/** Counts the bytes that wait for the peer of one connection. */
export interface PeerAccount {
  readonly number: number;
  add(bytes: number): void;
  /** The connection is closed. */
  close(): void;
}
