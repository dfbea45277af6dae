/** The load generator seen from the bench: a process of its own, on a processor of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { pinned } from '../process/cpu-pinning.ts';
import type { LoadPlan, OwnLoadResult } from './load-plan.ts';

interface Answer {
  readonly result: OwnLoadResult | null;
  readonly failure: string | null;
}

export class Generator {
  readonly #child: ChildProcess;

  constructor(cpu: number | null) {
    const file = fileURLToPath(new URL('./generator-process.js', import.meta.url));
    const [command, ...args] = pinned(cpu, [process.execPath, file]);
    this.#child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  }

  /** Runs one plan. Rejects when the server cannot be reached or the generator ends. */
  run(plan: LoadPlan): Promise<OwnLoadResult> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the load generator ended with code ${code}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: Answer) => {
        this.#child.off('exit', onExit);
        if (answer.result !== null) resolve(answer.result);
        else reject(new Error(`the load generator failed: ${answer.failure}`));
      });
      this.#child.send(plan);
    });
  }

  close(): void {
    this.#child.disconnect();
  }
}
