/**
 * The signals of the process, handled from its first line on. A signal that arrives before the server exists is kept
 * until it does. `process-lifecycle.ts` decides what a signal means.
 */

export type ProcessSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

const signals: readonly ProcessSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

/** `process`, or a test's. */
interface SignalSource {
  on(signal: ProcessSignal, listener: () => void): unknown;
  removeListener(signal: ProcessSignal, listener: () => void): unknown;
}

export class ProcessSignals {
  readonly #source: SignalSource;
  readonly #listeners = new Map<ProcessSignal, () => void>();
  #kept: ProcessSignal[] = [];
  #receiver: ((signal: ProcessSignal) => void) | null = null;

  /** Listeners also replace Node's default actions: SIGUSR1 would open the inspector, SIGUSR2 end the process. */
  constructor(source: SignalSource) {
    this.#source = source;
    for (const signal of signals) {
      const listener = (): void => this.#take(signal);
      this.#listeners.set(signal, listener);
      source.on(signal, listener);
    }
  }

  /** Gives `receiver` every signal, beginning with those that have arrived already. */
  deliver(receiver: (signal: ProcessSignal) => void): void {
    this.#receiver = receiver;
    for (const signal of this.#kept.splice(0)) receiver(signal);
  }

  /** Restores Node's default handling; returns the signals that arrived meanwhile. */
  release(): readonly ProcessSignal[] {
    for (const [signal, listener] of this.#listeners) this.#source.removeListener(signal, listener);
    this.#listeners.clear();
    return this.#kept.splice(0);
  }

  #take(signal: ProcessSignal): void {
    if (this.#receiver === null) this.#kept.push(signal);
    else this.#receiver(signal);
  }
}
