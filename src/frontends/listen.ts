/** Takes the address of a frontend. What is told of one that cannot be had is the frontend's. */

import type { AddressInfo, Server } from 'node:net';
import type { InferenceError } from '../errors.ts';
import type { ListenAddress } from '../server/server-config.ts';
import { acceptBacklog, type ListeningSocket } from './frontend.ts';

export interface TakenAddress {
  readonly address: string;
  readonly port: number;
}

/** What is told of an address that cannot be had; `error.code` is the system's. */
export type ListenRefusal = (listen: ListenAddress, error: NodeJS.ErrnoException) => InferenceError;

/** Listens on the socket, or at the address when there is none. Rejects with what `refusal` makes of the system's error. */
export function listenOn(
  server: Server,
  listen: ListenAddress,
  socket: ListeningSocket | null,
  refusal: ListenRefusal,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(refusal(listen, error));
    server.once('error', onError);
    server.listen({ ...(socket === null ? listen : { fd: socket.take() }), backlog: acceptBacklog }, () => {
      server.off('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });
}
