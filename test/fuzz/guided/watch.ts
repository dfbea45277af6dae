/**
 * Watches the search from another thread: a run that does not come to an end cannot be stopped by the thread that runs it.
 * Its input is written to a file and the process ends.
 */

import { writeFileSync } from 'node:fs';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

const maxMs = 10_000;
const lookMs = 1000;

interface Watched {
  /** How many runs have begun, and the length of the present input. */
  readonly state: Int32Array;
  readonly input: Uint8Array;
  /** Where the input is written. */
  readonly path: string;
}

/** Returns what to call with the input of each run. The watch ends with the process. */
export function watch(path: string, maxBytes: number): (bytes: Uint8Array) => void {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const input = new Uint8Array(new SharedArrayBuffer(maxBytes));
  new Worker(new URL(import.meta.url), { workerData: { state, input, path } satisfies Watched }).unref();
  return (bytes) => {
    input.set(bytes);
    state[1] = bytes.length;
    state[0]++;
  };
}

function look({ state, input, path }: Watched): void {
  let seen = -1;
  let sinceMs = performance.now();
  setInterval(() => {
    const run = Atomics.load(state, 0);
    if (run !== seen) {
      seen = run;
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs >= maxMs) {
      writeFileSync(path, `${Buffer.from(input.slice(0, state[1])).toString('base64')}\n`);
      console.error(`a run has not ended within ${maxMs} ms; its input is in ${path}`);
      process.kill(process.pid, 'SIGKILL');
    }
  }, lookMs);
}

if (!isMainThread) look(workerData as Watched);
