/**
 * Decides when a folder that changed may be loaded: two scans find the same files, and no file that it refers to is
 * missing or incomplete. Files are copied one after the other, and a half-copied model must not be loaded. The wait is
 * bounded: a folder that has not changed for a while is loaded as it is, and the error names the fault.
 */

import type { Clock } from '../time.ts';
import type { Sighting } from './repository-view.ts';

/** The reason to wait while two scans of a folder differ. */
export const stillWritten: readonly string[] = ['files that are still being written'];

/** For the log and the index. */
export const waitingText = (lacks: readonly string[]): string =>
  `waiting for ${lacks.slice(0, 5).join(', ')}${lacks.length > 5 ? ', …' : ''}`;

export class Settling {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  /** Since when the files of a model are unchanged, on our own clock: that of a file server may differ. */
  readonly #since = new Map<string, { readonly fingerprint: string; readonly sinceMs: number }>();

  /** @param patienceMs how long a folder that lacks something must be unchanged before it is tried anyway */
  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** Null: load it. Otherwise the files that it waits for. Call it for a scan that agrees with the previous one. */
  async waitsFor(name: string, sighting: Sighting): Promise<readonly string[] | null> {
    if (this.quietMs(name, sighting) >= this.#patienceMs) return this.#settle(name);
    const lacks = await sighting.lacks();
    return lacks.length === 0 ? this.#settle(name) : lacks;
  }

  /** For how long nothing has changed, as far as is known. */
  quietMs(name: string, { fingerprint, newestMs }: Sighting): number {
    const now = this.#clock.now();
    let known = this.#since.get(name);
    if (known?.fingerprint !== fingerprint) {
      known = { fingerprint, sinceMs: now };
      this.#since.set(name, known);
    }
    return Math.max(this.#clock.wallMs() - newestMs, now - known.sinceMs);
  }

  #settle(name: string): null {
    this.#since.delete(name);
    return null;
  }
}
