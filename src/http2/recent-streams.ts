/** The streams of a connection that ended last: frames that still arrive for them are judged by how they ended. */

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
