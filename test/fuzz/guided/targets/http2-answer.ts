/** A handler's answer that does what a script says, and holds the connection to what it promises its receivers. */

import { HeaderField } from '../../../../src/http2/header-field.ts';
import type { Http2Stream, StreamReceiver } from '../../../../src/http2/stream.ts';
import { must } from '../target.ts';

const repeated = (name: string, value: string) => new HeaderField(name, value, false, 'incremental');
const head = [repeated(':status', '200'), repeated('content-type', 'application/grpc')];
const tail = [repeated('grpc-status', '0'), new HeaderField('grpc-message', 'as it came')];

export class ScriptedAnswer implements StreamReceiver {
  readonly #stream: Http2Stream;
  readonly #answersAtOnce: boolean;
  #received = 0;
  #untaken = 0;
  #hasHead = false;
  #hasEnd = false;
  #isOver = false;
  #isClosed = false;

  constructor(stream: Http2Stream, answersAtOnce: boolean) {
    this.#stream = stream;
    this.#answersAtOnce = answersAtOnce;
  }

  get told(): string {
    return `${this.#stream.id}: ${this.#received} bytes, end ${this.#hasEnd}, closed ${this.#isClosed}`;
  }

  onData(bytes: Buffer, start: number, end: number): void {
    must(!this.#isOver, 'onData behind the end of the answer');
    must(!this.#hasEnd, 'onData behind onEnd');
    must(end > start && end <= bytes.length, 'onData without content');
    this.#untaken += end - start;
    this.#received += end - start;
  }

  onEnd(): void {
    must(!this.#isOver, 'onEnd behind the end of the answer');
    must(!this.#hasEnd, 'onEnd twice');
    this.#hasEnd = true;
    if (this.#answersAtOnce) this.act(6, 100);
  }

  onClosed(): void {
    must(!this.#isOver, 'onClosed behind the end of the answer');
    this.#isOver = true;
    this.#isClosed = true;
    // Calls after the end have no effect.
    if (this.#answersAtOnce) this.act(6, 9);
  }

  act(how: number, amount: number): void {
    const stream = this.#stream;
    if ((how & 0x80) !== 0) this.giveUp();
    const kind = how % 8;
    if (!this.#hasHead && kind !== 5 && kind !== 7) {
      this.#hasHead = true;
      const isEnd = kind === 4;
      if (isEnd) this.#isOver = true;
      stream.sendHeaders(head, isEnd);
      if (isEnd) return;
    }
    switch (kind) {
      case 0:
      case 1: {
        const length = 1 + amount * (kind === 0 ? 1 : 100);
        const at = stream.beginData(length);
        if (at >= 0) stream.target.fill(9, at, at + length);
        break;
      }
      case 2:
        stream.sendData(Buffer.alloc(1 + amount * 300, 9), null);
        break;
      case 3:
        this.#isOver = true;
        stream.sendLastData(Buffer.alloc(1 + amount * 20, 9));
        break;
      case 4:
      case 6:
        this.#isOver = true;
        stream.sendTrailers(tail);
        break;
      case 5:
        this.#isOver = true;
        stream.reset(amount % 14);
        break;
      default:
        if ((amount & 1) === 0) stream.grant(amount * 1000);
        else stream.replenish(amount * 100);
    }
  }

  giveUp(): void {
    this.#stream.take(this.#untaken);
    this.#untaken = 0;
  }
}
