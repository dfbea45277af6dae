/** Remembers how the latest ended streams of a connection ended, for frames that still arrive for them. */

const remembered = 1024;

export class RecentStreams {
  readonly #ids = new Uint32Array(remembered);
  #next = 0;

  add(id: number): void {
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % remembered;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }
}
