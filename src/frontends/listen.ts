/** Binds the address of a frontend, or gives one sentence why that is impossible: the same for every frontend. */

import type { AddressInfo, Server } from 'node:net';
import { failedPrecondition, type InferenceError, toInferenceError } from '../errors.ts';
import type { ListenAddress } from '../server/server-config.ts';
import { acceptBacklog, type ListeningSocket } from './frontend.ts';

/** The frontends that have flags for an address and a port. */
type AddressedFrontend = 'http' | 'grpc' | 'metrics';

export interface TakenAddress {
  /** The address as text: IPv6 in brackets, then the port. */
  readonly address: string;
  readonly port: number;
}

/**
 * Listens on the socket, or at the address when there is none.
 *
 * @throws InferenceError (rejects) `failed_precondition`, naming the address and the flag that changes it.
 */
export function listenAt(
  frontend: AddressedFrontend,
  server: Server,
  listen: ListenAddress | null,
  socket: ListeningSocket | null,
): Promise<TakenAddress> {
  if (listen === null)
    return Promise.reject(failedPrecondition(`the ${frontend} frontend is switched off (--allow-${frontend}=false)`));
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(frontend, listen, error));
    server.once('error', onError);
    server.listen({ ...(socket ?? listen), backlog: acceptBacklog }, () => {
      server.off('error', onError);
      const { address, port } = server.address() as AddressInfo;
      resolve({ address: addressText(address, port), port });
    });
  });
}

/** The error for an address that cannot be bound; `error.code` is the system's. */
export function listenError(
  frontend: AddressedFrontend,
  { host, port }: ListenAddress,
  error: NodeJS.ErrnoException,
): InferenceError {
  return failedPrecondition(`Socket '${addressText(host, port)}' ${reasonOf(frontend, host, error)}`, error);
}

function reasonOf(frontend: AddressedFrontend, host: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'EINVAL' && isLinkLocal(host)) {
    return `cannot be opened: a link-local address needs the zone of an interface of this machine, such as fe80::1%eth0; check --${frontend}-address`;
  }
  switch (error.code) {
    case 'EADDRINUSE':
      return `already in use; choose another port with --${frontend}-port`;
    case 'EACCES':
      return `may not be opened by this user; choose a port above 1023 with --${frontend}-port`;
    case 'EADDRNOTAVAIL':
      return `cannot be opened: this machine has no such address; choose another with --${frontend}-address`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `cannot be opened: the name cannot be resolved; choose another with --${frontend}-address`;
    default:
      return `cannot be opened (${toInferenceError(error).message}); check --${frontend}-address and --${frontend}-port`;
  }
}

/** An IPv6 address of fe80::/10, which needs a zone (RFC 4007). */
export const isLinkLocal = (host: string): boolean => /^fe[89ab][0-9a-f]:/i.test(host);

/** Host and port as in a URL. */
export const addressText = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
