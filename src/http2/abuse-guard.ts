/**
 * Counts frames that cause work without carrying any. Credit returns with time and with real requests, so an honest
 * client is never stopped, however busy; a connection that only causes work is closed (CVE-2019-9512 to 9518,
 * CVE-2023-44487).
 */

import { calmDown } from './error-code.ts';
import type { Http2Limits } from './limits.ts';

/** Idle frames that a new stream allows: a client may send several window updates and a ping with each call. */
const idleFramesPerStream = 16;

export class AbuseGuard {
  readonly #limits: Http2Limits;
  #idleFrames: number;
  #resets: number;
  #refilledAtMs: number;

  constructor(limits: Http2Limits, nowMs: number) {
    this.#limits = limits;
    this.#idleFrames = limits.idleFrameBurst;
    this.#resets = limits.resetBurst;
    this.#refilledAtMs = nowMs;
  }

  /** @throws ConnectionError when there were too many of them. */
  idleFrame(): void {
    if (--this.#idleFrames < 0) throw calmDown('too many frames that bring no work');
  }

  /**
   * The peer reset a stream that was not answered yet, or made the server reset one. @throws ConnectionError when there
   * were too many of them.
   */
  reset(): void {
    if (--this.#resets < 0) throw calmDown('too many streams that end before they are answered');
  }

  newStream(): void {
    const left = this.#idleFrames + idleFramesPerStream;
    const { idleFrameBurst } = this.#limits;
    this.#idleFrames = left < idleFrameBurst ? left : idleFrameBurst;
  }

  /** Called about once a second. */
  refill(nowMs: number): void {
    const seconds = (nowMs - this.#refilledAtMs) / 1000;
    const { idleFrameBurst, idleFramesPerSecond, resetBurst, resetsPerSecond } = this.#limits;
    this.#refilledAtMs = nowMs;
    this.#idleFrames = Math.min(idleFrameBurst, this.#idleFrames + seconds * idleFramesPerSecond);
    this.#resets = Math.min(resetBurst, this.#resets + seconds * resetsPerSecond);
  }
}
