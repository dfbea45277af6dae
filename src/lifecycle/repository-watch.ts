/**
 * Polls the repositories and reports changes. A change is reported when two consecutive scans agree and no file is
 * missing, so a folder that is still being copied is not loaded (`settling.ts`). A reported change is remembered
 * whether the load succeeds or fails; a broken model is tried again when its files change.
 */

import { causeField, toInferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Clock } from '../time.ts';
import type { RepositoryView, Sighting } from './repository-view.ts';
import { Settling, stillWritten, waitingText } from './settling.ts';

/** Time until the second scan, unless the poll interval is shorter. */
const confirmAfterMs = 1000;

/** A folder that lacks something is tried anyway when nothing in it has changed for so long. */
const patienceMs = 15_000;

interface WatchParts {
  readonly view: RepositoryView;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0: no further scans. */
  readonly intervalMs: number;
  /** A model appeared or changed. Runs on its own: the next poll does not wait for it. */
  readonly onChange: (name: string, sighting: Sighting) => Promise<void>;
  /**
   * A model appeared or changed and cannot be loaded yet. Called when the list of missing files changes; null when the
   * wait is over.
   */
  readonly onWaiting: (name: string, lacks: readonly string[] | null) => void;
  /** A model's folder disappeared. */
  readonly onRemoved: (name: string) => Promise<void>;
}

type Scan = ReadonlyMap<string, Sighting>;

/** Names whose files differ from those that were reported last, and names that have disappeared. */
function changesSince(acted: ReadonlyMap<string, string>, scan: Scan): { changed: string[]; gone: string[] } {
  const changed = [...scan].filter(([name, { fingerprint }]) => acted.get(name) !== fingerprint).map(([name]) => name);
  const gone = [...acted.keys()].filter((name) => !scan.has(name));
  return { changed, gone };
}

export class RepositoryWatch {
  readonly #parts: WatchParts;
  /** The fingerprints that were reported. */
  readonly #acted = new Map<string, string>();
  /** For each changed model, what it waits for. */
  readonly #waiting = new Map<string, string>();
  readonly #settling: Settling;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#settling = new Settling(parts.clock, patienceMs);
  }

  /** Records a scan as reported. */
  remember(scan: Scan): void {
    for (const [name, { fingerprint }] of scan) this.#acted.set(name, fingerprint);
  }

  start(): void {
    if (this.#parts.intervalMs > 0) this.#next(this.#parts.intervalMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #next(afterMs: number): void {
    if (this.#isStopped) return;
    const { clock, intervalMs, logger } = this.#parts;
    this.#cancel = clock.schedule(clock.now() + afterMs, () => {
      this.poll()
        .catch((thrown: unknown) => {
          const error = toInferenceError(thrown);
          logger.error(causeField(error), `polling the repositories failed: ${error.message}`);
        })
        .finally(() => this.#next(intervalMs));
    });
  }

  /** One round: a scan, and a second one if something has changed. Resolves when the changes have been handed over. */
  async poll(): Promise<void> {
    const { view } = this.#parts;
    const first = await view.scan();
    const seen = changesSince(this.#acted, first);
    if (seen.changed.length === 0 && seen.gone.length === 0) {
      for (const name of [...this.#waiting.keys()]) this.#reportWaiting(name, null);
      return;
    }
    await this.#pause();
    if (this.#isStopped) return;
    const second = await view.scan();
    const confirmed = changesSince(this.#acted, second);
    for (const name of [...this.#waiting.keys()])
      if (!confirmed.changed.includes(name)) this.#reportWaiting(name, null);
    for (const name of confirmed.changed) {
      const sighting = second.get(name) as Sighting;
      const agrees = first.get(name)?.fingerprint === sighting.fingerprint;
      const lacks = agrees ? await this.#settling.waitsFor(name, sighting) : stillWritten;
      if (this.#isStopped) return;
      this.#reportWaiting(name, lacks);
      if (lacks === null) this.#act(name, sighting);
    }
    for (const name of confirmed.gone) {
      if (!seen.gone.includes(name)) continue;
      this.#acted.delete(name);
      void this.#parts.onRemoved(name);
    }
  }

  #reportWaiting(name: string, lacks: readonly string[] | null): void {
    const text = lacks === null ? undefined : waitingText(lacks);
    if (this.#waiting.get(name) === text) return;
    if (text === undefined) this.#waiting.delete(name);
    else this.#waiting.set(name, text);
    this.#parts.onWaiting(name, lacks);
  }

  #act(name: string, sighting: Sighting): void {
    this.#acted.set(name, sighting.fingerprint);
    void this.#parts.onChange(name, sighting);
  }

  #pause(): Promise<void> {
    const { clock, intervalMs } = this.#parts;
    return new Promise((resolve) => {
      const cancel = clock.schedule(clock.now() + Math.min(intervalMs, confirmAfterMs), resolve);
      this.#cancel = () => {
        cancel();
        resolve();
      };
    });
  }
}
