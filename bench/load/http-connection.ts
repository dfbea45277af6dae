/**
 * One keep-alive HTTP/1.1 connection of a load run, directly on a socket: prebuilt request bytes out, answers cut by
 * length. With more than one request outstanding it pipelines; the requests for all answers of one read leave in one write.
 */

import { connect, type Socket } from 'node:net';

import { HttpAnswerReader } from './http-answer-reader.ts';
import type { LoadConnection } from './load-connection.ts';
import type { LoadRecorder } from './load-recorder.ts';
import type { ReceivedBytes } from './received-bytes.ts';

export class HttpConnection implements LoadConnection {
  readonly #socket: Socket;
  readonly #recorder: LoadRecorder;
  readonly #requests: readonly Buffer[];
  readonly #outstanding: number;
  /** Rings over the requests under way, oldest first: HTTP/1.1 answers in order. */
  readonly #startMs: Float64Array;
  readonly #caseIndex: Int32Array;
  #oldest = 0;
  #inFlight = 0;
  #isClosed = false;

  private constructor(socket: Socket, requests: readonly Buffer[], outstanding: number, recorder: LoadRecorder) {
    this.#socket = socket;
    this.#requests = requests;
    this.#outstanding = outstanding;
    this.#recorder = recorder;
    this.#startMs = new Float64Array(outstanding);
    this.#caseIndex = new Int32Array(outstanding);
    const reader = new HttpAnswerReader((status, body, binaryStart) => this.#answer(status, body, binaryStart));
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk);
        this.#fill();
      } catch (error) {
        this.#break(String(error));
      }
    });
    socket.on('error', (error) => this.#break(`the connection failed: ${error.message}`));
    socket.on('close', () => this.#break('the server closed the connection'));
  }

  static open(
    port: number,
    requests: readonly Buffer[],
    outstanding: number,
    recorder: LoadRecorder,
  ): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket, requests, outstanding, recorder));
      });
      socket.once('error', reject);
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isBroken(): boolean {
    return this.#isClosed;
  }

  send(): void {
    this.#fill();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fill(): void {
    const room = this.#outstanding - this.#inFlight;
    if (room === 0 || !this.#recorder.isSending || this.#isClosed) return;
    const nowMs = performance.now();
    if (room > 1) this.#socket.cork();
    for (let i = 0; i < room; i += 1) {
      const startMs = this.#recorder.takeDue(nowMs);
      if (startMs === null) break;
      const slot = (this.#oldest + this.#inFlight) % this.#outstanding;
      const caseIndex = this.#recorder.takeCase();
      this.#startMs[slot] = startMs;
      this.#caseIndex[slot] = caseIndex;
      this.#inFlight += 1;
      this.#socket.write(this.#requests[caseIndex]);
    }
    if (room > 1) this.#socket.uncork();
  }

  #answer(status: number, body: ReceivedBytes, binaryStart: number): void {
    if (this.#inFlight === 0) throw new Error('an answer that no request asked for');
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % this.#outstanding;
    this.#inFlight -= 1;
    if (status !== 200) {
      this.#recorder.fail(`HTTP ${status}: ${body.joined().toString('utf8', 0, 300)}`);
      return;
    }
    const output = this.#recorder.wantsOutput ? body.joined().subarray(binaryStart) : null;
    this.#recorder.succeed(this.#startMs[slot], this.#caseIndex[slot], output);
  }

  /** Ends the connection for good; what was under way has failed. */
  #break(reason: string): void {
    if (this.#isClosed) return;
    this.#recorder.fail(reason);
    for (let i = 1; i < this.#inFlight; i += 1) this.#recorder.fail(reason);
    this.#inFlight = 0;
    this.close();
  }
}
