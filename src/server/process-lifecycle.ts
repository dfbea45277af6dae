/**
 * The life cycle of the process: starting → serving → stopping, or starting → stopping. The first signal that asks for
 * an end begins `stopping`, whatever the state; later signals are logged and change nothing.
 */

import type { Logger } from '../logger.ts';
import type { ProcessSignal } from './process-signals.ts';

type ProcessState = 'starting' | 'serving' | 'stopping';

/** Why a signal has no effect, and what has. */
const withoutEffect = {
  SIGUSR1: 'it would open the inspector of Node; start with --inspect for that',
  SIGUSR2: 'there is no file to reopen; SIGTERM ends the server',
};

export class ProcessLifecycle {
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #state: ProcessState = 'starting';

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Aborted when the state becomes `stopping`. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The server is up. False when it was asked to stop in the meantime. */
  beginServing(): boolean {
    if (this.#state === 'starting') this.#state = 'serving';
    return this.#state === 'serving';
  }

  /** Resolves when the process is asked to stop. */
  untilStopping(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  /**
   * SIGTERM and SIGINT ask for the orderly end. So does SIGHUP, which a closing terminal sends: there is no log file to
   * reopen, and requests must not be cut off. SIGUSR1 and SIGUSR2, which ask other programs to reopen their files, have no
   * effect.
   */
  receive(signal: ProcessSignal): void {
    if (signal === 'SIGUSR1' || signal === 'SIGUSR2') {
      this.#logger.warn({ signal }, `${signal} is ignored: ${withoutEffect[signal]}`);
      return;
    }
    if (this.#state === 'stopping') {
      this.#logger.info({ signal }, 'already stopping');
      return;
    }
    const wasStarting = this.#state === 'starting';
    this.#state = 'stopping';
    this.#logger.info({ signal }, wasStarting ? 'asked to stop, the start is ended' : 'asked to stop');
    this.#stopping.abort();
  }
}
