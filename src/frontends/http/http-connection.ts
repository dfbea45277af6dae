/**
 * One connection of a client: its exchanges that are not yet answered, and small answers on their way to the socket, which
 * leave together when the present turn has no more of them.
 */

import type { Socket } from 'node:net';
import type { FlushTurn } from '../../http2/flush-turn.ts';
import type { Exchange } from './exchange.ts';

export class HttpConnection {
  readonly socket: Socket;
  /** In order of arrival. */
  readonly exchanges: Set<Exchange> = new Set();
  newest: Exchange | null = null;
  /** Written when the last exchange has been answered; then the connection ends. */
  refusal: string | null = null;
  readonly #turn: FlushTurn;
  #isWaiting = false;
  #isTimed = false;

  constructor(socket: Socket, turn: FlushTurn) {
    this.socket = socket;
    this.#turn = turn;
  }

  /** `text` holds bytes, one per character. */
  write(text: string, written: () => void): void {
    const { socket } = this;
    // Only where nobody else did: the answers that Node writes itself end every cork, and keep the order by that.
    if (socket.writableCorked === 0) socket.cork();
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#turn.add(this);
    }
    socket.write(text, 'latin1', written);
  }

  flush(): void {
    this.#isWaiting = false;
    if (this.socket.writableCorked > 0) this.socket.uncork();
  }

  /** Cuts the connection when nothing moves for so long, until `stopTimeLimit`. */
  limitTime(ms: number): void {
    this.#isTimed = true;
    this.socket.setTimeout(ms);
  }

  stopTimeLimit(): void {
    if (!this.#isTimed) return;
    this.#isTimed = false;
    this.socket.setTimeout(0);
  }
}
