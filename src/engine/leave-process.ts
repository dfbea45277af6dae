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
 */
export function leaveProcess(exitCode: number): never {
  return loadNative<NativeExit>().leaveProcess(exitCode);
}
