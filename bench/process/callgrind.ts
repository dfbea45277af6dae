/** Callgrind around a server: begun without counting, switched on later, its counters read from the dumps that it writes. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dumpedInstructions } from './callgrind-dump.ts';

/** Null where valgrind and its control program are installed, else which of them is missing. */
export function missingCallgrind(): string | null {
  const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
  const missing = ['valgrind', 'callgrind_control'].find((program) => !isThere(program));
  return missing === undefined ? null : `${missing} is not installed (on Debian: valgrind)`;
}

/** For one process. */
export class Callgrind {
  readonly #folder = mkdtempSync(join(tmpdir(), 'nereid-callgrind-'));
  readonly #dump = join(this.#folder, 'dump');
  #dumps = 0;

  /** The command that the counted command follows. */
  get runner(): string[] {
    return [
      ...['valgrind', '--tool=callgrind', '--instr-atstart=no', '--separate-threads=yes'],
      // V8 writes and changes machine code all the time.
      '--smc-check=all-non-file',
      `--callgrind-out-file=${this.#dump}`,
    ];
  }

  /** Begins to count, which makes the process several times as slow again. */
  start(pid: number): void {
    this.#control('--instr=on', pid);
  }

  zero(pid: number): void {
    this.#control('--zero', pid);
  }

  /** Instructions in user mode of the main thread since the counters were zero. */
  mainThreadInstructions(pid: number): number {
    const said = this.#control('--dump', pid);
    this.#dumps += 1;
    // The main thread is the first.
    const file = `${this.#dump}.${this.#dumps}-01`;
    if (!existsSync(file)) throw new Error(`callgrind_control --dump: expected the file ${file}, got none:\n${said}`);
    return dumpedInstructions(readFileSync(file, 'latin1'));
  }

  /** Removes what was dumped. The process has ended. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #control(flag: string, pid: number): string {
    return execFileSync('callgrind_control', [flag, String(pid)], { encoding: 'utf8', stdio: 'pipe' });
  }
}
