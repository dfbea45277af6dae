/** How much memory the requests hold that a server has accepted and not yet answered, over all its models. */

/** Schedulers add and remove, the server looks before it accepts another request. One object per server. */
export class InflightBytes {
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** A request is accepted. `bytes` is the sum of its input tensors. */
  add(bytes: number): void {
    this.#total += bytes;
  }

  /** The same number again, when it is answered, well or not. */
  remove(bytes: number): void {
    this.#total -= bytes;
  }
}
