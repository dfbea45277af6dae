import { ReadTurn } from '../../src/sockets/read-turn.ts';

/** Turns of the event loop that end when the test says so. */
export class HeldReadTurn extends ReadTurn {
  #atEnd: (() => void)[] = [];

  /** Whether the end of the turn is waited for. */
  get isAwaited(): boolean {
    return this.#atEnd.length > 0;
  }

  protected override atEnd(callback: () => void): void {
    this.#atEnd.push(callback);
  }

  /** Ends turns until the socket is read again: what `count` says at the end of each. */
  untilRead(socket: { isPaused(): boolean }, count: () => number): number[] {
    const counts: number[] = [];
    do {
      counts.push(count());
      this.endTurn();
    } while (socket.isPaused());
    return counts;
  }

  endTurn(): void {
    for (const callback of this.#atEnd.splice(0)) callback();
  }
}
