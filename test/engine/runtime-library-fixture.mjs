// Opens the engine with the library named on the command line, or as the tests do, and prints how that went.

import { openEngine } from '../../dist/runtimes/open-engine.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
try {
  openEngine({ libraryPath: process.argv[2] || null, cudaLibraryPaths: [], globalThreadPool: null, logger: silent });
  console.log('opened');
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
