/** A server whose frontends listen, from its start to its end: the order in which it starts to listen and shuts down. */

import { unavailable } from './errors.ts';
import type { Frontend, Listening } from './frontends/frontend.ts';
import type { ModelControl } from './lifecycle/model-control.ts';
import type { Logger } from './logger.ts';
import type { LocalServer } from './server/local-server.ts';
import type { ServerConfig } from './server/server-config.ts';
import type { Clock } from './time.ts';

export interface RunningServer {
  /** Where each frontend listens, by its name. */
  readonly addresses: ReadonlyMap<string, string>;
  /**
   * The orderly shutdown: health turns negative, the frontends accept no new connections and answer accepted requests,
   * models are unloaded. Resolves to false when the time limit passed and the rest was cut.
   */
  stop(): Promise<boolean>;
}

/** The metrics port stays open until the very end, so that the drain can be watched. */
const closesLast = 'metrics';

export class StoppableServer implements RunningServer {
  readonly addresses = new Map<string, string>();
  readonly #exitTimeoutMs: number;
  readonly #server: LocalServer;
  readonly #models: ModelControl;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #closeProbes: () => void;
  readonly #listening = new Map<string, Listening>();
  #stopped: Promise<boolean> | null = null;
  #whenStopping: (() => void) | null = null;

  constructor(
    { exitTimeoutMs }: Pick<ServerConfig, 'exitTimeoutMs'>,
    server: LocalServer,
    models: ModelControl,
    logger: Logger,
    clock: Clock,
    closeProbes: () => void,
  ) {
    this.#exitTimeoutMs = exitTimeoutMs;
    this.#server = server;
    this.#models = models;
    this.#logger = logger;
    this.#clock = clock;
    this.#closeProbes = closeProbes;
  }

  /** Starts the frontends, one after the other. @throws InferenceError `unavailable` once the server was asked to stop. */
  async listen(frontends: readonly Frontend[]): Promise<void> {
    for (const frontend of frontends) {
      const listening = await frontend.start();
      if (this.#stopped) {
        listening.close();
        throw unavailable('Server exiting');
      }
      this.#listening.set(frontend.name, listening);
      this.addresses.set(frontend.name, listening.address);
      this.#logger.info({ frontend: frontend.name, address: listening.address }, `${frontend.name} is listening`);
    }
  }

  /** The outcome of a step of the start, or a rejection as soon as the server is asked to stop. */
  unlessStopped<T>(step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#whenStopping = () => reject(unavailable('Server exiting'));
      if (this.#stopped) this.#whenStopping();
      step.then(resolve, reject);
    });
  }

  stop(): Promise<boolean> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<boolean> {
    this.#server.beginExit();
    // The frontends drain only when the callers of load calls have their answers, and a load may never end by itself.
    this.#models.endLoads();
    this.#whenStopping?.();
    const pending = this.#models.pendingCount;
    this.#logger.info({ pending }, 'stopping: accepted requests are finished, new connections are refused');
    const isInTime = await this.#within(this.#exitTimeoutMs, this.#drain());
    if (!isInTime) {
      const left = this.#models.pendingCount;
      this.#logger.error({ pending: left }, 'Exit timeout expired. Exiting immediately.');
      this.#models.abort(unavailable('Server exiting'));
    }
    for (const listening of this.#listening.values()) listening.close();
    this.#closeProbes();
    return isInTime;
  }

  async #drain(): Promise<void> {
    const inference = [...this.#listening].filter(([name]) => name !== closesLast).map(([, listening]) => listening);
    await Promise.all(inference.map((listening) => listening.drain()));
    await this.#models.stop();
    await this.#listening.get(closesLast)?.drain();
  }

  /** Whether the work ended before the limit. Its failure is the caller's. */
  #within(limitMs: number, work: Promise<void>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.schedule(this.#clock.now() + limitMs, () => resolve(false));
      work.then(() => resolve(true), reject).finally(cancel);
    });
  }
}
