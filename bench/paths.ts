/** Paths of files and folders, as seen from the compiled bench in build/bench/bench/. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The repository's root folder. */
export const repositoryRoot = fromRoot('');
/** The built server's entry. */
export const serverMain = fromRoot('dist/main.js');
/**
 * The entry of an earlier build. @param folder its checkout, as given with `--before`
 *
 * @throws Error with a sentence when there is no built server.
 */
export function earlierMain(folder: string): string {
  const main = join(resolve(folder), 'dist', 'main.js');
  if (!existsSync(main)) throw new Error(`--before: there is no built server at ${main}; run npm run build there`);
  return main;
}

/** JSON results; ignored by git. BENCH_RESULTS is another folder for them. */
export const resultsFolder = process.env.BENCH_RESULTS ?? fromRoot('bench/results');
/** Sources of the bare loop, what it is made of, and where cmake builds it. */
export const nativeBenchSources = fromRoot('bench');
export const nativeBenchInputs = ['bench/bare_loop.cc', 'bench/CMakeLists.txt', 'native/ort'].map(fromRoot);
export const nativeBenchBuild = fromRoot('build/bench-native');
/** Sources of the C++ servers that we compare with, and where cmake builds them. */
export const peerSources = fromRoot('bench/peers');
export const peerBuild = fromRoot('build/bench-peers');
