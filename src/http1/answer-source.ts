/**
 * An answer whose body is made while it is sent. The connection asks for the next piece when the client has taken the
 * previous ones, so a slow client costs one piece of memory and not the whole body.
 */
export interface AnswerSource {
  /**
   * The next piece, which must not change any more; `later` when there is none yet, until `continueAnswer` of the
   * request is called; `end` after the last one. An exception cuts the connection, because the status has been sent.
   */
  next(): Uint8Array | 'later' | 'end';
  /** Called once, when no more pieces are asked for and every piece was sent or never will be. */
  done(): void;
}
