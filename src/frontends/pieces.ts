/** A text or message that is made in pieces, one behind the other. */

export const piecesBytes = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((bytes, { length }) => bytes + length, 0);

/** Copies them into the target, from that position on. */
export function copyPieces(pieces: readonly Uint8Array[], target: Buffer, from: number): void {
  let at = from;
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
}
