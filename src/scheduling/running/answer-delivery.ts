/**
 * Gives settled requests to their sinks, in the order in which they were settled: in one microtask for all that were
 * settled together, unless their outputs are large. A sink may copy outputs, so the rest of a large batch is delivered
 * in later turns of the event loop, and other requests are served in between.
 */

import { giveFailure, giveResponse } from '../../inference/infer.ts';
import type { InferenceResponse } from '../../inference/response.ts';
import { clearForReuse } from '../../reused-list.ts';
import type { Logger } from '../../logger.ts';
import { tensorBytes } from '../../tensor/tensor-bytes.ts';
import type { Clock } from '../../time.ts';
import type { QueuedRequest } from '../queue/queued-request.ts';

/** Outputs that are delivered in one turn, and the rest of the answer that passes it. */
const bytesOfTurn = 2 * 1024 * 1024;

/** Outputs that wait for a later turn keep their slabs: with more than this, no batch is started that would add to them. */
const maxWaitingBytes = 32 * 1024 * 1024;

const resolved = Promise.resolve();

export class AnswerDelivery {
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #logger: Logger;
  readonly #onCaughtUp: () => void;
  /** Requests whose sinks are not called yet. */
  #settled: QueuedRequest[] = [];
  /** The list whose sinks are being called; the two lists swap. */
  #told: QueuedRequest[] = [];
  /** Whether those in `#settled` wait for a later turn. */
  #isLate = false;
  /** Their outputs. */
  #waitingBytes = 0;

  /** @param onCaughtUp `isBehind` is false again */
  constructor(clock: Pick<Clock, 'soon'>, logger: Logger, onCaughtUp: () => void) {
    this.#clock = clock;
    this.#logger = logger;
    this.#onCaughtUp = onCaughtUp;
  }

  /** Whether the outputs that wait are so many that no batch should be started now. */
  get isBehind(): boolean {
    return this.#waitingBytes > maxWaitingBytes;
  }

  /** Calls the sink of the request after those of earlier ones, never before this returns. */
  add(request: QueuedRequest): void {
    // A third of what `queueMicrotask` costs, which makes an asynchronous resource and a bound function.
    if (this.#settled.length === 0) resolved.then(this.#tellNow);
    this.#settled.push(request);
    if (this.#isLate) this.#waitingBytes += outputBytes(request.response);
  }

  readonly #tellNow = (): void => {
    if (!this.#isLate) this.#tell();
  };

  readonly #tellLate = (): void => {
    const wasBehind = this.isBehind;
    this.#isLate = false;
    this.#tell();
    if (wasBehind && !this.isBehind) this.#onCaughtUp();
  };

  #tell(): void {
    const settled = this.#settled;
    this.#settled = this.#told;
    let left = bytesOfTurn;
    for (let i = 0; i < settled.length; i++) {
      if (left <= 0) {
        this.#postpone(settled, i);
        return;
      }
      const request = settled[i] as QueuedRequest;
      left -= outputBytes(request.response);
      this.#notify(request);
    }
    clearForReuse(settled);
    this.#told = settled;
    this.#waitingBytes = 0;
  }

  /** Those from that one on, and those that were settled meanwhile, are delivered from the next turn on. */
  #postpone(settled: readonly QueuedRequest[], from: number): void {
    const rest = [...settled.slice(from), ...this.#settled];
    this.#told = [];
    this.#settled = rest;
    this.#isLate = true;
    this.#waitingBytes = rest.reduce((bytes, { response }) => bytes + outputBytes(response), 0);
    this.#clock.soon(this.#tellLate);
  }

  #notify({ sink, response, error }: QueuedRequest): void {
    if (response !== null) giveResponse(sink, response, true, this.#logger);
    else if (error !== null) giveFailure(sink, error, this.#logger);
  }
}

const outputBytes = (response: InferenceResponse | null): number =>
  response === null ? 0 : tensorBytes(response.outputs);
