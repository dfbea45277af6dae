/** The address of the other end of a socket. */

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * The peer's address without its port; '' when the socket is closed or no network socket. Node asks the kernel once and
 * caches it.
 */
export const addressOfPeer = (socket: Duplex): string => (socket instanceof Socket ? (socket.remoteAddress ?? '') : '');
