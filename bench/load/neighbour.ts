/** Neighbours seen from the bench: what they ask for, from when until when. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { pinned } from '../process/cpu-pinning.ts';

/** The same request of several clients, over HTTP on 127.0.0.1. */
export interface NeighbourPlan {
  readonly port: number;
  readonly clients: number;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array;
}

export interface NeighbourResult {
  readonly answers: number;
  /** Of their bodies. */
  readonly bytes: number;
  readonly failure: string | null;
}

export class Neighbour {
  readonly #child: ChildProcess;

  constructor(cpu: number | null) {
    const file = fileURLToPath(new URL('./neighbour-process.js', import.meta.url));
    const [command, ...args] = pinned(cpu, [process.execPath, file]);
    this.#child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  }

  /** Begins to ask. The returned function ends it; it rejects when a request failed. */
  start(plan: NeighbourPlan): () => Promise<NeighbourResult> {
    const ended = new Promise<NeighbourResult>((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the neighbour ended with code ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (result: NeighbourResult) => {
        this.#child.off('exit', onExit);
        if (result.failure === null) resolve(result);
        else reject(new Error(`the neighbour failed: ${result.failure}`));
      });
    });
    // `stop` reports a failure; until then it must not be an unhandled rejection.
    ended.catch(() => undefined);
    this.#child.send(plan);
    return () => {
      this.#child.send('stop');
      return ended;
    };
  }

  close(): void {
    this.#child.disconnect();
  }
}
