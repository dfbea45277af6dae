/**
 * The entry of a process that registers one execution provider and ends: `plugin-trial-process.js RUNTIME NAME LIBRARY`.
 * The last line of standard output is `registeredText`, or exit code 1 and a sentence as the last line of standard error.
 */

import { leaveProcess } from '../engine/leave-process.ts';
import { createNativeEngine } from '../engine/native-engine.ts';
import { silentLogger } from '../logger.ts';
import { registeredText } from './plugin-trial.ts';

const [libraryPath = '', name = '', path = ''] = process.argv.slice(2);
try {
  const plugins = [{ name, path, options: {} }];
  createNativeEngine({ libraryPath, plugins, globalThreadPool: null, logger: silentLogger });
  process.stdout.write(`\n${registeredText}\n`);
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Destructors of a library that works may fail at the end of a process, which is nothing to a server.
leaveProcess(process.exitCode === 1 ? 1 : 0);
