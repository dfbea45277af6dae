/** Takes the address of the frontend, or says in one sentence why it cannot be had. */

import type { Server } from 'node:net';
import { failedPrecondition, type InferenceError, toInferenceError } from '../../errors.ts';
import type { ListenAddress } from '../../server/server-config.ts';
import type { ListeningSocket } from '../frontend.ts';
import { listenOn, type TakenAddress } from '../listen.ts';

/** @throws InferenceError (rejects) `failed_precondition`, naming the address and the flag that changes it. */
export async function listenForHttp(
  server: Server,
  listen: ListenAddress,
  socket: ListeningSocket | null,
): Promise<TakenAddress> {
  const { address, family, port } = await listenOn(server, listen, socket, httpListenError);
  return { address: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`, port };
}

/** What is told of an address that cannot be had; `error.code` is the system's. */
export function httpListenError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): InferenceError {
  const address = `${host}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return failedPrecondition(`Socket '${address}' already in use; choose another port with --http-port`, error);
  }
  if (error.code === 'EACCES') {
    return failedPrecondition(`Socket '${address}' may not be opened by this user; choose another --http-port`, error);
  }
  return failedPrecondition(
    `Socket '${address}' cannot be opened (${toInferenceError(error).message}); check --http-address and --http-port`,
    error,
  );
}
