/** Ends the process at once, without waiting for running work. */

import { loadNative } from './load-native.ts';

/** The functions of the addon that are used here. */
interface NativeExit {
  /** `_exit`: no handler, no destructor and no thread delays it. */
  leaveProcess(exitCode: number): never;
}

/**
 * Ends the process now, with this code. `process.exit` waits for libuv's pool, where one read of a hung file system or
 * of a pipe without a writer never ends, and runs the static destructors of a runtime whose threads may still be
 * running. The caller has written and closed its files.
 * Where Node was asked for a profile or for coverage, which it writes at its usual exit, the process takes that one.
 */
export function leaveProcess(exitCode: number): never {
  if (isProfiled()) process.exit(exitCode);
  return loadNative<NativeExit>().leaveProcess(exitCode);
}

function isProfiled(): boolean {
  const { NODE_OPTIONS = '', NODE_V8_COVERAGE } = process.env;
  const flags = [...process.execArgv, ...NODE_OPTIONS.split(/\s+/)];
  return NODE_V8_COVERAGE !== undefined || flags.some((flag) => /^--(cpu|heap)-prof/.test(flag));
}
