/** Takes the address of the frontend, or says in one sentence why it cannot be had. */

import type { Server } from 'node:net';
import { failedPrecondition, type InferenceError, unavailable } from '../../errors.ts';
import type { ListenAddress } from '../../server/server-config.ts';
import type { ListeningSocket } from '../frontend.ts';
import { listenOn, type TakenAddress } from '../listen.ts';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another process; choose another with --grpc-port',
  EACCES: 'this user may not open that port; choose one above 1023 with --grpc-port',
  EADDRNOTAVAIL: 'this machine has no such address; choose another with --grpc-address',
  ENOTFOUND: 'the name cannot be resolved; choose another with --grpc-address',
};

/** @throws InferenceError (rejects) `unavailable`, naming the address and the flag that changes it. */
export async function listenForGrpc(
  server: Server,
  listen: ListenAddress | null,
  socket: ListeningSocket | null,
): Promise<TakenAddress> {
  if (listen === null) throw failedPrecondition('the gRPC frontend is switched off (--allow-grpc=false)');
  const { port } = await listenOn(server, listen, socket, grpcListenError);
  return { address: addressText(listen.host, port), port };
}

/** What is told of an address that cannot be had; `error.code` is the system's. */
export function grpcListenError(listen: ListenAddress, error: NodeJS.ErrnoException): InferenceError {
  const reason = reasons[error.code ?? ''] ?? error.message;
  return unavailable(`gRPC cannot listen on ${addressText(listen.host, listen.port)}: ${reason}`, error);
}

const addressText = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
