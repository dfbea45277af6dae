/** The accepted calls of a transport that have not ended; a drain waits for them. */

interface DrainableStream {
  /** Called once when the server shuts down. */
  drain(): void;
}

export class OpenCalls {
  #unary = 0;
  readonly #streams = new Set<DrainableStream>();
  #isDraining = false;
  #onNone: (() => void) | null = null;

  get count(): number {
    return this.#unary + this.#streams.size;
  }

  /** A unary call whose request has arrived. */
  add(): void {
    this.#unary++;
  }

  remove(): void {
    this.#unary--;
    this.#resolveWhenNone();
  }

  addStream(stream: DrainableStream): void {
    this.#streams.add(stream);
    if (this.#isDraining) queueMicrotask(() => stream.drain());
  }

  removeStream(stream: DrainableStream): void {
    this.#streams.delete(stream);
    this.#resolveWhenNone();
  }

  /** Asks all streams, also later ones, to end; resolves when no call is left. */
  drain(): Promise<void> {
    this.#isDraining = true;
    for (const stream of [...this.#streams]) stream.drain();
    return new Promise((resolve) => {
      this.#onNone = resolve;
      this.#resolveWhenNone();
    });
  }

  #resolveWhenNone(): void {
    if (this.count > 0) return;
    this.#onNone?.();
    this.#onNone = null;
  }
}
