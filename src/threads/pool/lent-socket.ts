/**
 * A socket whose descriptor a thread has been given: one to listen on, or a connection. Whether the thread has made a handle of it when it ends,
 * which would close it, only the system knows: the thread may end at any instruction.
 */

import { fstatSync } from 'node:fs';
import type { NativeThreads } from '../native-threads.ts';

export class LentSocket {
  readonly #native: Pick<NativeThreads, 'closeSocket'>;
  readonly #fd: number;
  /** Tells the socket from a later one with the same descriptor. */
  readonly #inode: number;

  /** @param fd open, and not yet the thread's */
  constructor(native: Pick<NativeThreads, 'closeSocket'>, fd: number) {
    this.#native = native;
    this.#fd = fd;
    this.#inode = fstatSync(fd).ino;
  }

  /**
   * Called when the thread has ended, and its handles are closed. A listening socket without an owner would get its share
   * of connections, and nobody would accept them; the client of a connection would wait.
   */
  closeIfLeft(): void {
    if (inodeOf(this.#fd) === this.#inode) this.#native.closeSocket(this.#fd);
  }
}

/** -1 when it is closed. */
function inodeOf(fd: number): number {
  try {
    return fstatSync(fd).ino;
  } catch {
    return -1;
  }
}
