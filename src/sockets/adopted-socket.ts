/** A connection that was accepted elsewhere in this process, by its descriptor. */

import { Socket, type SocketConstructorOpts } from 'node:net';

/** Of which nothing is read until it is resumed, as with `pauseOnConnect`; the descriptor is the socket's from now on. */
export function adoptedSocket(fd: number, allowHalfOpen: boolean): Socket {
  const options = { fd, allowHalfOpen, readable: true, writable: true, pauseOnCreate: true };
  return new Socket(options as SocketConstructorOpts);
}
