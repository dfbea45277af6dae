/**
 * Load and unload calls of one model begin in the order in which they arrived. The body of a large load is read in
 * slices, so without this a smaller call that came later would be carried out first.
 */

export class ArrivalOrder {
  /** For each model with calls that are being read, the last of them: resolves when it has begun or has failed. */
  readonly #begun = new Map<string, Promise<void>>();

  /**
   * Reads a call when the earlier ones of its model have begun, then begins it; resolves when it has been carried out.
   * Rejects with the failure of either.
   */
  async run<Call>(model: string, read: () => Promise<Call>, carryOut: (call: Call) => Promise<void>): Promise<void> {
    const earlier = this.#begun.get(model);
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#begun.set(model, begun);
    let outcome: Promise<void>;
    try {
      await earlier;
      outcome = carryOut(await read());
    } finally {
      if (this.#begun.get(model) === begun) this.#begun.delete(model);
      begin();
    }
    await outcome;
  }
}
