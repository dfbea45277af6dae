/** The bare C++ loop over ONNX Runtime as a child process: built with cmake, run for a while at a time. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

import { nativeBenchBuild, nativeBenchSources } from '../paths.ts';
import { buildWithCmake } from './cmake-build.ts';
import { pinned } from './cpu-pinning.ts';

/** The library that the onnxruntime-node package ships for this machine; the server uses the same file. */
export function packagedLibrary(): string {
  const packageFile = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(packageFile), 'bin', 'napi-v6', process.platform, process.arch, 'libonnxruntime.so.1');
}

/** Builds the loop. Null when that worked, else why it did not. */
export const buildBareLoop = (): string | null => buildWithCmake(nativeBenchSources, nativeBenchBuild);

export interface BareLoopInput {
  readonly modelFile: string;
  /** Whole batches of floats. */
  readonly batchesFile: string;
  readonly threads: number;
  readonly outputElementsPerRow: number;
  /** Rows first. */
  readonly batchShape: readonly number[];
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
      ...[join(nativeBenchBuild, 'bare_loop'), packagedLibrary(), input.modelFile, input.batchesFile],
      ...[input.threads, input.outputElementsPerRow, ...input.batchShape].map(String),
    ]);
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('the bare loop has no standard output');
    this.#lines = createInterface({ input: stdout });
  }

  #ask(command: string): Promise<number[]> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the bare loop ended with code ${code}`));
      this.#child.once('exit', onExit);
      this.#lines.once('line', (line) => {
        this.#child.off('exit', onExit);
        resolve(line.trim().split(' ').map(Number));
      });
      this.#child.stdin?.write(`${command}\n`);
    });
  }

  async run(milliseconds: number): Promise<BareRun> {
    const [rows, seconds, cpuUs] = await this.#ask(`run ${milliseconds}`);
    return { rows, seconds, cpuUs };
  }

  /** Every output element of every batch, in order. */
  async answers(): Promise<Float32Array> {
    return Float32Array.from(await this.#ask('answers'));
  }

  close(): void {
    this.#child.stdin?.end();
  }
}
