/**
 * Makes sockets take turns. libuv reads a socket up to 32 times in a row as long as each read fills the buffer, so a
 * peer that sends as fast as the server reads would occupy the event loop for many megabytes. A socket that has filled
 * the buffer a few times is therefore paused until every other readable socket has been read.
 */

/** The part of a socket that is needed here. */
interface TurnTaker {
  readonly destroyed: boolean;
  isPaused(): boolean;
  resume(): unknown;
}

export class ReadTurn {
  #waiting: TurnTaker[] = [];
  #spare: TurnTaker[] = [];

  /**
   * Registers a socket whose reading was stopped: it continues in the next turn, unless it was paused or closed
   * meanwhile.
   */
  wait(socket: TurnTaker): void {
    // Immediates run when the sockets that were ready have been read, and before the kernel is asked which are.
    if (this.#waiting.push(socket) === 1) setImmediate(this.#resumeAll);
  }

  readonly #resumeAll = (): void => {
    const waiting = this.#waiting;
    this.#waiting = this.#spare;
    for (const socket of waiting) if (!socket.destroyed && !socket.isPaused()) socket.resume();
    waiting.length = 0;
    this.#spare = waiting;
  };
}
