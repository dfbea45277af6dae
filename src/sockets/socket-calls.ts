/** System calls on sockets that Node does not make, or makes at a higher price. */

export interface SocketCalls {
  /**
   * A connection counts as readable when so many bytes have arrived, or its end. Does nothing where the system refuses.
   */
  setReceiveLowWater(fd: number, bytes: number): void;
  /**
   * Sends as many of these bytes as the kernel takes without waiting, and returns how many: 0 where it takes none now,
   * or where the call fails. The error of a lost connection is then that of the next write.
   */
  sendNow(fd: number, bytes: Uint8Array, from: number, end: number): number;
}
