/** `nereid serve`: starts a server from the command line; it serves until a signal ends it. */

import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';

import { createServer, StartEndedError } from '../create-server.ts';
import { cpuCores } from '../engine/cpu-cores.ts';
import { leaveProcess } from '../engine/leave-process.ts';
import type { Logger } from '../logger.ts';
import { openLog } from '../observability/log.ts';
import { ProcessLifecycle } from '../server/process-lifecycle.ts';
import type { ProcessSignals } from '../server/process-signals.ts';
import type { ServerConfig } from '../server/server-config.ts';
import { compileSoonerFlag } from './compile-sooner.ts';
import { parseServeArguments } from './serve-arguments.ts';

interface ServeSurroundings {
  readonly version: string;
  readonly signals: ProcessSignals;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * Ends the process: with 0 after an orderly end, with 1 when the time limit cut something off or the start failed.
 * Rejects for an invalid command line or log file.
 */
export async function serveCommand(words: readonly string[], { version, signals }: ServeSurroundings): Promise<never> {
  const { env } = process;
  const config = parseServeArguments(words, {
    env,
    cwd: process.cwd(),
    version,
    isFolder,
    cpuCores: cpuCores(),
    // Without a limit it is 0, or more than the physical memory.
    memoryBytes: Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem()),
  });
  const log = await openLog(config.log);
  const lifecycle = new ProcessLifecycle(log.logger);
  signals.deliver((signal) => lifecycle.receive(signal));
  log.logger.info({ version, config }, 'starting with these settings');
  // The timers of the server do not keep the process alive; without this one it could end while idle.
  setInterval(() => undefined, 1000);
  const exitCode = await serve(config, lifecycle, log.logger).catch((error: unknown) => {
    process.stderr.write(`nereid: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  });
  log.close();
  return leaveProcess(exitCode);
}

async function serve(config: ServerConfig, lifecycle: ProcessLifecycle, logger: Logger): Promise<number> {
  const isOrderly = await serveUntilStopped(config, lifecycle, logger);
  logger.info({}, isOrderly ? 'stopped' : 'stopped before everything was finished');
  return isOrderly ? 0 : 1;
}

async function serveUntilStopped(config: ServerConfig, lifecycle: ProcessLifecycle, logger: Logger): Promise<boolean> {
  try {
    const server = await createServer(config, { logger, stopping: lifecycle.stopping });
    compileRequestsSooner();
    if (lifecycle.beginServing()) logger.info(Object.fromEntries(server.addresses), readyText(server.addresses));
    await lifecycle.untilStopping();
    return await server.stop();
  } catch (error) {
    if (error instanceof StartEndedError) return error.isOrderly;
    throw error;
  }
}

/** Only now: the code of the start runs once, and is not worth compiling. Holds for the frontend threads too. */
function compileRequestsSooner(): void {
  const flag = compileSoonerFlag(process.versions.v8, process.execArgv);
  if (flag !== null) setFlagsFromString(flag);
}

/** The line for a ready server, with its HTTP address: the address for all interfaces is shown as localhost. */
function readyText(addresses: ReadonlyMap<string, string>): string {
  const http = addresses.get('http');
  return http === undefined ? 'ready' : `ready: http://${http.replace(/^(0\.0\.0\.0|\[::\]):/, 'localhost:')}`;
}
