/** Where things lie, as seen from the compiled bench in build/bench/bench/. Nothing but places. */

import { fileURLToPath } from 'node:url';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The repository's root folder. */
export const repositoryRoot = fromRoot('');
/** The built server's entry. */
export const serverMain = fromRoot('dist/main.js');
/** JSON results; ignored by git. */
export const resultsFolder = fromRoot('bench/results');
/** Sources of the bare loop, and where cmake builds them. */
export const nativeBenchSources = fromRoot('bench');
export const nativeBenchBuild = fromRoot('build/bench-native');
/** Sources of the C++ servers that we compare with, and where cmake builds them. */
export const peerSources = fromRoot('bench/peers');
export const peerBuild = fromRoot('build/bench-peers');
