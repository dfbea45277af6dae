/** What the load runner needs of a connection, whatever the protocol. */

export interface LoadConnection {
  /** Requests sent and not yet answered. */
  readonly inFlight: number;
  /** Sends the first requests; from then on every answer is followed by the next request while the recorder wants more. */
  start(): void;
  close(): void;
}
