#!/usr/bin/env node
/**
 * The entry of the process. Signals are taken before anything else is loaded: process 1 of a container would not hear those
 * that come earlier.
 */

import { ProcessSignals } from './server/process-signals.ts';

const signals = new ProcessSignals(process);
const { runCommandLine } = await import('./cli/run-command.ts');
await runCommandLine(process.argv.slice(2), signals);
