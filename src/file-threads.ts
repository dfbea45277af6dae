/**
 * Shares of libuv's thread pool for files of models. A read from a file server that does not answer keeps its thread, and
 * cannot be cancelled. So files take at most a part of the threads, and compression always finds one.
 * Why: docs/decisions/0034-threads-for-files.md.
 */

import { Semaphore } from './semaphore.ts';

/** The least with which each share has a thread of its own. */
const leastThreads = 3;

export class FileThreads {
  readonly #all: Semaphore;
  readonly #contents: Semaphore;

  /** @param poolThreads of libuv's pool. Below three, the shares are those of three: then they only keep order. */
  constructor(poolThreads: number) {
    const threads = Math.max(leastThreads, poolThreads);
    this.#all = new Semaphore(threads - 1);
    this.#contents = new Semaphore(threads - 2);
  }

  /**
   * Runs one or a few calls about folders, for scans and the index: at most all threads but one. They must not ask for a
   * thread here themselves.
   */
  async folders<T>(work: () => Promise<T>): Promise<T> {
    await this.#all.acquire();
    try {
      return await work();
    } finally {
      this.#all.release();
    }
  }

  /** The same for files that a load reads: at most all threads but two, so that scans and the index find one. */
  async contents<T>(work: () => Promise<T>): Promise<T> {
    await this.#contents.acquire();
    try {
      return await this.folders(work);
    } finally {
      this.#contents.release();
    }
  }
}

/** Read by libuv as well; it has four threads unless this is set. */
const { UV_THREADPOOL_SIZE: wantedThreads = '' } = process.env;

/** Of this process; the pool is one for all its threads. Only the main thread works on files of models. */
export const fileThreads = new FileThreads(Number.parseInt(wantedThreads, 10) || 4);
