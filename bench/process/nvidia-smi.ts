/** Figures of the first GPU from nvidia-smi: the memory in use, and the utilisation over time. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

const periodMs = 100;
/** The tool's figure is a mean over some time before it, which began before the load did. */
const laggingMs = 300;

const query = (fields: string): string[] => ['--id=0', `--query-gpu=${fields}`, '--format=csv,noheader,nounits'];

/** MB in use by all processes; null where there is no GPU or no nvidia-smi. */
export function gpuMemoryMb(): number | null {
  const { status, stdout } = spawnSync('nvidia-smi', query('memory.used'), { encoding: 'utf8' });
  const used = Number.parseInt(stdout ?? '', 10);
  return status === 0 && Number.isFinite(used) ? used : null;
}

/** Follows the utilisation for as long as it is not closed. Where there is no nvidia-smi, it never has one. */
export class GpuSampler {
  readonly #child: ChildProcess;
  readonly #samples: { readonly atMs: number; readonly percent: number }[] = [];

  constructor() {
    this.#child = spawn('nvidia-smi', [...query('utilization.gpu'), `--loop-ms=${periodMs}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // It is not installed: there are no samples.
    this.#child.on('error', () => undefined);
    const { stdout } = this.#child;
    if (stdout === null) return;
    createInterface({ input: stdout }).on('line', (line) => {
      const percent = Number.parseInt(line, 10);
      if (Number.isFinite(percent)) this.#samples.push({ atMs: performance.now(), percent });
    });
  }

  /** Mean of the time between two moments of `performance.now()`; NaN when nothing was sampled then. */
  meanPercent(fromMs: number, toMs: number): number {
    const within = this.#samples.filter(({ atMs }) => atMs >= fromMs + laggingMs && atMs <= toMs);
    return within.reduce((sum, { percent }) => sum + percent, 0) / within.length;
  }

  close(): void {
    this.#child.kill();
  }
}
