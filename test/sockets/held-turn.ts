import { FlushTurn } from '../../src/sockets/flush-turn.ts';

/** A turn that ends when the test says so. */
export class HeldTurn extends FlushTurn {
  #waiting: { flush(): void }[] = [];

  override add(connection: { flush(): void }): void {
    this.#waiting.push(connection);
  }

  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  }
}
