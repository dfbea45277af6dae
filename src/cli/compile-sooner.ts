/**
 * V8 takes some thousand requests until the code of a request is optimised code; until then a request costs two to five
 * times as much. A server runs the same code for its whole life, so it gains from having it compiled after some hundred
 * requests: decision 0043.
 */

/** The release of V8 that counts invocations of a function; earlier ones count the bytes of bytecode that it ran. */
const countsInvocations = 12;

/** V8's own values are 67,584 bytes and 3,000 invocations. */
const soonerFlag = (v8Major: number): string =>
  v8Major >= countsInvocations ? '--invocation-count-for-turbofan=500' : '--interrupt-budget=15000';

const nameOf = (flag: string): string => flag.replace(/=.*/, '').replaceAll('_', '-');

/**
 * The V8 flag that has hot functions optimised sooner, or null where the process was started with a value of its own.
 *
 * @param v8Version as in `process.versions.v8`
 * @param nodeFlags as in `process.execArgv`
 */
export function compileSoonerFlag(v8Version: string, nodeFlags: readonly string[]): string | null {
  const flag = soonerFlag(Number.parseInt(v8Version, 10));
  return nodeFlags.some((given) => nameOf(given) === nameOf(flag)) ? null : flag;
}
