/** A connection as the load runner needs it, for any protocol. */

export interface LoadConnection {
  /** Requests sent and not yet answered. */
  readonly inFlight: number;
  /** True once it is closed, by whichever side. */
  readonly isBroken: boolean;
  /** Sends due requests as far as there is room; so does every answer, while the recorder wants more. */
  send(): void;
  close(): void;
}
