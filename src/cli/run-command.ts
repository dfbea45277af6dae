/** Chooses the command of a command line, runs it, and ends the process with its exit code. */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { describeDriver, readDeviceMemory } from '../engine/driver.ts';
import { silentLogger } from '../logger.ts';
import { findRuntime, openEngine, openRuntime } from '../runtimes/open-engine.ts';
import type { ProcessSignals } from '../server/process-signals.ts';
import { systemClock } from '../time.ts';
import { checkRepository } from './check-repository.ts';
import { type Command, chooseCommand } from './command-line.ts';
import { type DoctorSurroundings, doctorCommand } from './doctor-command.ts';
import { type GpuSurroundings, gpuCommand } from './gpu-command.ts';
import { helpText } from './help-text.ts';
import { installReport } from './install-report.ts';
import { inspectCommand, type ToolSurroundings } from './inspect-command.ts';
import { serveCommand } from './serve-command.ts';
import { UsageError } from './usage-error.ts';
import { validateCommand } from './validate-command.ts';

const version = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** The usual exit code for an invalid command line; 1 is that of a command that failed. */
const usageExitCode = 2;

/** Log lines of the runtime do not belong into a tool's answer; the caller gets failures as errors. */
const toolSurroundings: ToolSurroundings = {
  cwd: process.cwd(),
  openEngine: (libraryPath, cudaLibraryPaths, plugins = []) =>
    openEngine({ libraryPath, cudaLibraryPaths, plugins, globalThreadPool: null, logger: silentLogger }),
  write: (text) => process.stdout.write(text),
};

const doctorSurroundings: DoctorSurroundings = {
  cwd: process.cwd(),
  write: (text) => process.stdout.write(text),
  findRuntime,
  openRuntime: (runtime) => openRuntime(runtime, { globalThreadPool: null, logger: silentLogger }),
  describeDriver,
  readDeviceMemory,
  clock: systemClock,
};

const gpuSurroundings = (): GpuSurroundings => ({
  cwd: process.cwd(),
  env: process.env,
  home: homedir(),
  platform: `${process.platform}-${process.arch}`,
  write: (text) => process.stdout.write(text),
  describeDriver,
  report: installReport(process.stderr),
  wait: (ms) => sleep(ms),
});

/** @param words the command line without the interpreter and the script */
export async function runCommandLine(words: readonly string[], signals: ProcessSignals): Promise<never> {
  try {
    const command = chooseCommand(words);
    if (command.kind !== 'serve') leaveToNode(signals);
    process.exit(await run(command, signals));
  } catch (error) {
    if (error instanceof UsageError) {
      for (const problem of error.problems) process.stderr.write(`nereid: ${problem}\n`);
      process.stderr.write('nereid: see nereid --help\n');
      process.exit(usageExitCode);
    } else {
      process.stderr.write(`nereid: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    process.exit(1);
  }
}

/** A tool ends by signals as usual, also by one that has arrived already. */
function leaveToNode(signals: ProcessSignals): void {
  for (const signal of signals.release()) process.kill(process.pid, signal);
}

async function run(command: Command, signals: ProcessSignals): Promise<number> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(command.topic));
      return 0;
    case 'version':
      process.stdout.write(`nereid ${version}\n`);
      return 0;
    case 'inspect':
      return inspectCommand(command.words, toolSurroundings);
    case 'validate':
      return validateCommand(command.words, toolSurroundings, checkRepository);
    case 'doctor': {
      const host = { version, nodeVersion: process.version, platform: `${process.platform} ${process.arch}` };
      return doctorCommand(command.words, doctorSurroundings, host);
    }
    case 'gpu':
      return gpuCommand(command.words, gpuSurroundings());
    case 'serve':
      return serveCommand(command.words, { version, signals });
  }
}
