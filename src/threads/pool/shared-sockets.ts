/** Listening sockets of the frontends, as many on one port as there are frontend threads. */

import { lookup } from 'node:dns/promises';
import { acceptBacklog } from '../../frontends/frontend.ts';
import type { ListenAddress } from '../../server/server-config.ts';
import type { NativeThreads } from '../native-threads.ts';

/** One port that several sockets listen on. */
export class SharedPort {
  readonly host: string;
  readonly port: number;
  readonly #native: NativeThreads;
  readonly #numericHost: string;
  /** The first socket, until it is taken. It has proved that the port was free. */
  #first: number;

  private constructor(native: NativeThreads, listen: ListenAddress, numericHost: string, first: number, port: number) {
    this.#native = native;
    this.host = listen.host;
    this.port = port;
    this.#numericHost = numericHost;
    this.#first = first;
  }

  /** @param refusal makes the error for an address that cannot be bound. */
  static async open(
    native: NativeThreads,
    listen: ListenAddress,
    refusal: (listen: ListenAddress, error: NodeJS.ErrnoException) => Error,
  ): Promise<SharedPort> {
    const { host } = listen;
    const { address } = await lookup(host).catch((error: NodeJS.ErrnoException) => {
      throw refusal(listen, error);
    });
    const { error, fd, port } = native.openListener(address, listen.port, acceptBacklog, 'first');
    if (error !== null) throw refusal(listen, Object.assign(new Error(error.message), { code: error.code }));
    return new SharedPort(native, listen, address, fd, port);
  }

  /** The descriptor of one more socket on the port, owned by the caller. */
  take(): number {
    const first = this.#first;
    this.#first = -1;
    if (first >= 0) return first;
    const { error, fd } = this.#native.openListener(this.#numericHost, this.port, acceptBacklog, 'next');
    if (error !== null) throw Object.assign(new Error(error.message), { code: error.code });
    return fd;
  }

  close(): void {
    if (this.#first >= 0) this.#native.closeSocket(this.#first);
    this.#first = -1;
  }
}
