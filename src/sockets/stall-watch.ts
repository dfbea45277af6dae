/**
 * Notices a peer that does not read, by checking about once a second whether it has taken any of the waiting bytes.
 */

import type { IsMemoryShort } from './socket-keeper.ts';
import type { SocketWriter } from './socket-writer.ts';

interface StallTimeouts {
  readonly stallTimeoutMs: number;
  /** While memory is short. */
  readonly shortStallTimeoutMs: number;
}

/** How long a peer may take nothing, as things are. */
export const stallLimitMs = (
  { stallTimeoutMs, shortStallTimeoutMs }: StallTimeouts,
  isMemoryShort: IsMemoryShort | null,
): number => (isMemoryShort?.() ? shortStallTimeoutMs : stallTimeoutMs);

export class StallWatch {
  readonly #output: SocketWriter;
  #unsentBytes = 0;
  #untakenBytes = 0;
  /** The last check at which bytes had left, or none waited. */
  #movedAtMs: number;

  constructor(output: SocketWriter, nowMs: number) {
    this.#output = output;
    this.#movedAtMs = nowMs;
  }

  /** Whether no byte has left for the time limit although some wait. */
  isStalled(nowMs: number, limitMs: number): boolean {
    const { unsentBytes, untakenBytes } = this.#output;
    const isSame = unsentBytes === this.#unsentBytes && untakenBytes === this.#untakenBytes;
    if (unsentBytes === 0 || !isSame) this.#movedAtMs = nowMs;
    this.#unsentBytes = unsentBytes;
    this.#untakenBytes = untakenBytes;
    return nowMs - this.#movedAtMs >= limitMs;
  }
}
