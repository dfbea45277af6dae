/** From a socket to its descriptor, which Node does not document, and back. */

import { Socket, type SocketConstructorOpts } from 'node:net';

/** -1 once the socket is closed: its number may be another socket's by then. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
}

/**
 * The socket of a connection that was accepted elsewhere in this process. Nothing is read until it is resumed, as with
 * `pauseOnConnect`; the descriptor is the socket's from now on.
 */
export function adoptedSocket(fd: number, allowHalfOpen: boolean): Socket {
  const options = { fd, allowHalfOpen, readable: true, writable: true, pauseOnCreate: true };
  return new Socket(options as SocketConstructorOpts);
}
