/**
 * An answer whose body is made while it is sent. The connection asks for the next piece when the client has taken the
 * previous ones, so a slow client costs one piece of memory and not the whole body.
 */
export interface AnswerSource {
  /**
   * The next piece, which is not changed any more; `later` where there is none now, until `continueAnswer` of the request is
   * called; `end` behind the last one. What it throws cuts the connection: the status has left.
   */
  next(): Uint8Array | 'later' | 'end';
  /** Called once, when nothing is asked any more and every piece has left or never will. */
  done(): void;
}
