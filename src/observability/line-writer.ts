/**
 * Writes finished lines to a file descriptor at once and without ever waiting for a reader: where the reader of a pipe
 * or a terminal has stopped, lines are kept for a while, then dropped and counted. A descriptor that fails (full disk,
 * closed pipe) costs lines, never the server. Lines are written when `write` returns, so a crash loses none.
 */

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Unwritten bytes that are kept for a slow reader. */
const maxKeptBytes = 4 * 1024 * 1024;
const retryMs = 50;

/** The effects of a writer; tests bring their own. */
export interface WriterEnd {
  /** Returns how many bytes were taken; throws like `fs.writeSync`. */
  write(bytes: Uint8Array): number;
  /** Calls `fire` once, later; must not keep the process alive. */
  later(fire: () => void): void;
}

export class LineWriter {
  readonly #end: WriterEnd;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #droppedLines = 0;
  #isWaiting = false;

  constructor(end: WriterEnd) {
    this.#end = end;
  }

  /** False when the line was dropped. */
  write(line: string): boolean {
    const bytes = Buffer.from(line);
    if (this.#keptBytes + bytes.length > maxKeptBytes) {
      this.#droppedLines += 1;
      return false;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (!this.#isWaiting) this.flush();
    return true;
  }

  /** Lines that could not be kept since this was last asked. */
  takeDroppedLines(): number {
    const dropped = this.#droppedLines;
    this.#droppedLines = 0;
    return dropped;
  }

  /** Writes as much as the descriptor takes now. */
  flush(): void {
    for (;;) {
      const bytes = this.#kept.length > 1 ? Buffer.concat(this.#kept) : this.#kept[0];
      if (bytes === undefined) return;
      const taken = this.#attempt(bytes);
      this.#keptBytes = bytes.length - taken;
      this.#kept = taken < bytes.length ? [bytes.subarray(taken)] : [];
      if (taken === 0) return;
    }
  }

  /** Bytes taken; bytes that are to be dropped count as taken. */
  #attempt(bytes: Buffer): number {
    try {
      return this.#end.write(bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return bytes.length;
      this.#retryLater();
      return 0;
    }
  }

  #retryLater(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#end.later(() => {
      this.#isWaiting = false;
      this.flush();
    });
  }
}

/**
 * A descriptor for the same pipe or terminal that does not block; the given one if that is impossible (sockets, a
 * pipe of another user) or not wanted (a regular file has one position, shared with other writers).
 */
function withoutBlocking(fd: number): number {
  try {
    const found = fstatSync(fd);
    if (!found.isFIFO() && !found.isCharacterDevice()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

/** A writer's end on an open descriptor, and what closes it again if it is another one. */
export function descriptorEnd(fd: number): WriterEnd & { close(): void } {
  const own = withoutBlocking(fd);
  return {
    write: (bytes) => writeSync(own, bytes),
    later: (fire) => void setTimeout(fire, retryMs).unref(),
    close: () => {
      if (own !== fd) closeSync(own);
    },
  };
}
