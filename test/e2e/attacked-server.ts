/** A server process under attack, with a bystander that counts answered calls, and the growth of the server. */

import { placeWideModel } from '../models/wide-model.ts';
import { Bystander, MemoryWatch } from './bystander.ts';
import { frontendThreads } from './frontend-thread-counts.ts';
import { type Exit, ServerProcess, temporaryFolder } from './server-process.ts';

/** Before the first attack, so that the growth of a young heap is not taken for its doing. */
const warmingCalls = 200;

export interface Aftermath {
  /** Calls of another connection during the attack; every one was answered. */
  readonly served: number;
  /** From before the attack to the highest point in it. */
  readonly grownMiB: number;
}

export class AttackedServer {
  readonly #process: ServerProcess;
  readonly #dispose: () => Promise<void>;

  private constructor(process: ServerProcess, dispose: () => Promise<void>) {
    this.#process = process;
    this.#dispose = dispose;
  }

  /** Serves these models; see wide-model.ts. */
  static async start(
    models: readonly { name: string; columns: number }[],
    threads: number,
    flags: readonly string[] = [],
  ): Promise<AttackedServer> {
    const { path, dispose } = await temporaryFolder();
    for (const { name, columns } of models) await placeWideModel(path, name, columns);
    const server = new AttackedServer(await ServerProcess.start(path, [frontendThreads(threads), ...flags]), dispose);
    const first = new Bystander(server.port);
    for (let i = 0; i < warmingCalls; i++) await first.ask();
    await first.stop();
    return server;
  }

  get port(): number {
    return this.#process.ports.grpc;
  }

  get metricsPort(): number {
    return this.#process.ports.metrics;
  }

  get httpPort(): number {
    return this.#process.ports.http;
  }

  /** Runs an attack; rejects as it does, or when another connection was not served meanwhile or afterwards. */
  async under(attack: () => Promise<void>): Promise<Aftermath> {
    const bystander = new Bystander(this.port);
    await bystander.ask();
    const memory = new MemoryWatch(this.#process.pid);
    bystander.start();
    let grownMiB: number;
    let served: number;
    try {
      await attack();
    } finally {
      grownMiB = memory.stop();
      served = await bystander.stop();
    }
    const later = new Bystander(this.port);
    await later.ask();
    await later.stop();
    return { served, grownMiB };
  }

  async stop(): Promise<Exit> {
    const exit = await this.#process.stop();
    await this.#dispose();
    return exit;
  }
}
