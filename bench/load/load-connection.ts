/** What the load runner needs of a connection, whatever the protocol. */

export interface LoadConnection {
  /** Requests sent and not yet answered. */
  readonly inFlight: number;
  /** True once it is closed, by whichever side. */
  readonly isBroken: boolean;
  /** Sends what is due and has room; so does every answer that comes, while the recorder wants more. */
  send(): void;
  close(): void;
}
