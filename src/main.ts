#!/usr/bin/env node
/** The command line's entry: chooses the command, runs it, and turns the outcome into an exit code. */

import { readFileSync, statSync } from 'node:fs';

import { checkRepository } from './cli/check-repository.ts';
import { type Command, chooseCommand } from './cli/command-line.ts';
import { doctorCommand } from './cli/doctor-command.ts';
import { doctorHelp, generalHelp, inspectHelp, serveHelp, validateHelp } from './cli/help-text.ts';
import { inspectCommand, type ToolSurroundings } from './cli/inspect-command.ts';
import { parseServeArguments } from './cli/serve-arguments.ts';
import { UsageError } from './cli/usage-error.ts';
import { validateCommand } from './cli/validate-command.ts';
import { createServer, type RunningServer } from './create-server.ts';
import { cpuCores } from './engine/cpu-cores.ts';
import { createNativeEngine } from './engine/native-engine.ts';
import type { Logger } from './logger.ts';
import { openLog } from './observability/log.ts';

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Lines of the runtime do not belong between a tool's answer; what is wrong reaches the caller as an error. */
const toolLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const toolSurroundings: ToolSurroundings = {
  cwd: process.cwd(),
  openEngine: (libraryPath) => createNativeEngine({ libraryPath, globalThreadPool: null, logger: toolLogger }),
  write: (text) => process.stdout.write(text),
};

const helpOf = { serve: serveHelp, inspect: () => inspectHelp, validate: () => validateHelp, doctor: () => doctorHelp };

async function run(command: Command): Promise<number> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(command.topic === null ? generalHelp : helpOf[command.topic]());
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
      return doctorCommand(command.words, toolSurroundings, host);
    }
    case 'serve':
      return serve(command.words);
  }
}

/** Serves until SIGTERM or SIGINT. 0 after an orderly end, 1 when the time limit cut something off. */
async function serve(words: readonly string[]): Promise<number> {
  const config = parseServeArguments(words, {
    env: process.env,
    cwd: process.cwd(),
    version,
    isFolder,
    cpuCores: cpuCores(),
  });
  const log = await openLog(config.log);
  const signal = untilSignal(log.logger);
  log.logger.info({ version, config }, 'starting with these settings');
  const server = await createServer(config, { logger: log.logger });
  log.logger.info(Object.fromEntries(server.addresses), 'ready');
  await signal;
  const isOrderly = await stop(server);
  log.logger.info({}, isOrderly ? 'stopped' : 'stopped before everything was finished');
  return isOrderly ? 0 : 1;
}

/** The process would otherwise end as soon as nothing is left to do, before the answer of `stop` is known. */
async function stop(server: RunningServer): Promise<boolean> {
  const keepAlive = setInterval(() => undefined, 1000);
  try {
    return await server.stop();
  } finally {
    clearInterval(keepAlive);
  }
}

/** Resolves at the first signal; later ones are told and ignored, because the drain is already going on. */
function untilSignal(logger: Logger): Promise<void> {
  let isStopping = false;
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (isStopping) logger.info({ signal }, 'already stopping');
        isStopping = true;
        resolve();
      });
    }
  });
}

async function main(): Promise<number> {
  try {
    return await run(chooseCommand(process.argv.slice(2)));
  } catch (error) {
    if (error instanceof UsageError) {
      for (const problem of error.problems) process.stderr.write(`nereid: ${problem}\n`);
      process.stderr.write('nereid: see nereid --help\n');
    } else {
      process.stderr.write(`nereid: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    return 1;
  }
}

process.exit(await main());
