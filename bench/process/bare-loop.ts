/** The bare C++ loop over ONNX Runtime as a child process: built with cmake, run for a while at a time. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

import type { InputDatatype } from '../load/infer-case.ts';
import { nativeBenchBuild, nativeBenchInputs, nativeBenchSources } from '../paths.ts';
import { buildWithCmake, isUpToDate } from './cmake-build.ts';
import { pinned } from './cpu-pinning.ts';

const program = join(nativeBenchBuild, 'bare_loop');

/** The library that the onnxruntime-node package ships for this machine; the server uses the same file. */
export function packagedLibrary(): string {
  const packageFile = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(packageFile), 'bin', 'napi-v6', process.platform, process.arch, 'libonnxruntime.so.1');
}

/**
 * Builds the loop where its sources are newer; needs no compiler where they are not. Null when that worked, else why
 * not.
 */
export const buildBareLoop = (): string | null =>
  isUpToDate(program, nativeBenchInputs) ? null : buildWithCmake(nativeBenchSources, nativeBenchBuild);

/** `cuda` is the first GPU. */
export type BareDevice = 'cpu' | 'cuda';

/**
 * `resident`: inputs and outputs are on the device from the beginning. `host`: each batch is uploaded from pinned
 * memory, and its answer downloaded there. On the CPU nothing is copied in either.
 */
export type BareMode = 'resident' | 'host';

export interface BareLoopInput {
  readonly modelFile: string;
  /** Rows of input one after the other; batches take them in turn. */
  readonly rowsFile: string;
  readonly threads: number;
  readonly device: BareDevice;
  readonly datatype: InputDatatype;
  readonly outputElementsPerRow: number;
  readonly rowShape: readonly number[];
}

export interface BareRun {
  readonly rows: number;
  readonly seconds: number;
  readonly cpuUs: number;
}

export class BareLoop {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(input: BareLoopInput, cpu: number | null) {
    const [command, ...args] = pinned(cpu, [
      ...[program, packagedLibrary(), input.modelFile, input.rowsFile, String(input.threads)],
      ...[input.device, input.datatype, ...[input.outputElementsPerRow, ...input.rowShape].map(String)],
    ]);
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new Error('the bare loop has no standard streams');
    // The exit event reports a loop that has ended.
    stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: stdout });
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the bare loop ended with code ${code}`));
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        onExit(this.#child.exitCode);
        return;
      }
      this.#child.once('exit', onExit);
      this.#lines.once('line', (line) => {
        this.#child.off('exit', onExit);
        resolve(line.trim());
      });
      this.#child.stdin?.write(`${command}\n`);
    });
  }

  async #askNumbers(command: string): Promise<number[]> {
    return (await this.#ask(command)).split(' ').map(Number);
  }

  /** Lays out batches of `rows` rows, which `run` takes in turn. */
  async bind(mode: BareMode, rows: number, batches: number): Promise<void> {
    await this.#ask(`bind ${mode} ${rows} ${batches}`);
  }

  async run(milliseconds: number): Promise<BareRun> {
    const [rows, seconds, cpuUs] = await this.#askNumbers(`run ${milliseconds}`);
    return { rows, seconds, cpuUs };
  }

  /** Every output element of every batch, in order; of batches bound in mode `host` only. */
  async answers(): Promise<Float32Array> {
    return Float32Array.from(await this.#askNumbers('answers'));
  }

  /** What so many further sessions cost, which stay open until the next call; their threads sleep, as the server's do. */
  async open(sessions: number): Promise<{ readonly cpuUs: number; readonly bytes: number }> {
    const [cpuUs, bytes] = await this.#askNumbers(`open ${sessions}`);
    return { cpuUs, bytes };
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  close(): void {
    this.#child.stdin?.end();
  }
}
