/**
 * The bytes of an answer in the pieces in which they were received. They are joined only for an answer that is looked
 * at: a join for each piece would cost the square of the size.
 */
export class ReceivedBytes {
  readonly #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param piece Kept as it is, so its bytes must not change. */
  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** All bytes: the only piece, or a copy of several. */
  joined(): Buffer {
    const [first] = this.#pieces;
    return this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces, this.#length);
  }
}
